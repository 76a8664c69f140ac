// Connecting and accepting over every family of addresses, and being refused.

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <deque>
#include <string>

#include "core/io/accept_stream.h"
#include "core/io/connect.h"
#include "core/io/recv_stream.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"

namespace sluice::contract {
namespace {

using core::Address;

class AddressTest : public ContractTest {};
SLUICE_CONTRACT(AddressTest, kAll);

core::Reactor& Here() { return core::Worker::Current()->reactor(); }

// Both ends are the reactor's.
Task<int> ConnectTo(Address address, int& fd) {
  IoResult<int> socket = Here().OpenSocket(address.family());
  EXPECT_TRUE(socket.ok());
  fd = *socket;
  IoResult<void> connected = co_await core::Connect(fd, address);
  co_return connected.error();
}
Task<int> AcceptOne(core::AcceptStream& stream) {
  IoResult<int> fd = co_await stream.Next();
  EXPECT_TRUE(fd.ok());
  co_return fd.ok() ? *fd : -1;
}
Task<int> ErrorOfAccept(core::AcceptStream& stream) {
  IoResult<int> fd = co_await stream.Next();
  co_return fd.error();
}
Task<int> Soon() {
  co_await Turns(2);
  co_return 0;
}

Task<void> TalkMain(Address listen_at) {
  IoResult<int> listener = core::SocketApi().Listen(listen_at, {.backlog = 8});
  EXPECT_TRUE(listener.ok());
  const Address address = AddressOf(*listener);
  core::AcceptStream stream(*listener);
  for (int i = 0; i < 10; ++i) {
    int client = -1;
    auto [accepted, error] = co_await core::Join(AcceptOne(stream), ConnectTo(address, client));
    EXPECT_EQ(error, 0);
    EXPECT_EQ(Here().PeerAddress(client).ToString(), address.ToString());
    RecvStream here(client, 4096);
    RecvStream there(accepted, 4096);
    EXPECT_EQ(co_await SendAll(client, "question"), 0);
    EXPECT_EQ((co_await Receive(there, 8)).text, "question");
    EXPECT_EQ(co_await SendAll(accepted, "answer"), 0);
    EXPECT_EQ((co_await Receive(here, 6)).text, "answer");
    co_await StopAndClose(there);
    EXPECT_TRUE((co_await ReceiveToEnd(here)).end);
    co_await StopAndClose(here);
  }
  const auto outcome = co_await core::Select(Soon(), ErrorOfAccept(stream));
  EXPECT_EQ(outcome.Get<1>(), ECANCELED);
  CloseHere(*listener);
}
TEST_P(AddressTest, Ipv4) { Run(TalkMain(Loopback())); }
TEST_P(AddressTest, Ipv6) { Run(TalkMain(Loopback6())); }
TEST_P(AddressTest, UnixAbstractName) { Run(TalkMain(AbstractName())); }

TEST_P(AddressTest, UnixPath) {
  const char* folder = std::getenv("TEST_TMPDIR");
  std::string path = std::string(folder != nullptr ? folder : "/tmp") + "/contract.XXXXXX";
  if (path.size() > 90) path = "/tmp/sluice-contract.XXXXXX";  // a sockaddr_un holds 108
  ASSERT_NE(mkdtemp(path.data()), nullptr);
  const std::string name = path + "/socket";
  sockaddr_un raw = {};
  raw.sun_family = AF_UNIX;
  name.copy(raw.sun_path, sizeof(raw.sun_path) - 1);
  Run(TalkMain(Address(reinterpret_cast<sockaddr*>(&raw), sizeof(raw))));
  unlink(name.c_str());
  rmdir(path.c_str());
}

// A port without a listener: one that was just given back.
Address NobodyThere() {
  const Fd listener = ListenPlain();
  return AddressOf(listener.get());
}
Task<void> RefusedMain() {
  const Address nobody = NobodyThere();
  for (int i = 0; i < 10; ++i) {
    int fd = -1;
    EXPECT_EQ(co_await ConnectTo(nobody, fd), ECONNREFUSED);
    CloseHere(fd);
  }
  int fd = -1;
  EXPECT_EQ(co_await ConnectTo(AbstractName(), fd), ECONNREFUSED);
  CloseHere(fd);
}
TEST_P(AddressTest, Refused) { Run(RefusedMain()); }

int ErrorOfConnect(const Address& address) {
  const Fd client(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  return connect(client.get(), address.get(), address.size()) == 0 ? 0 : errno;
}
// From the call on, and not from the next turn: who is told that it is closed may come at once.
Task<void> ClosedMain() {
  for (const Address& at : {Loopback(), Loopback6(), AbstractName()}) {
    for (const bool has_accepted : {false, true}) {
      IoResult<int> listener = Here().Listen(at, {.backlog = 8});
      EXPECT_TRUE(listener.ok());
      const Address address = AddressOf(*listener);
      if (has_accepted) {
        core::AcceptStream stream(*listener);
        int client = -1;
        auto [accepted, error] = co_await core::Join(AcceptOne(stream), ConnectTo(address, client));
        EXPECT_EQ(error, 0);
        CloseHere(client);
        CloseHere(accepted);
        EXPECT_EQ((co_await core::Select(Soon(), ErrorOfAccept(stream))).Get<1>(), ECANCELED);
      }
      Here().CloseListener(*listener);
      EXPECT_EQ(ErrorOfConnect(address), ECONNREFUSED) << at.ToString() << has_accepted;
    }
  }
}
TEST_P(AddressTest, AClosedListenerRefuses) { Run(ClosedMain()); }

// A UNIX socket whose backlog is full is told so at once.
Task<void> UnixFullMain() {
  const Address name = AbstractName();
  IoResult<int> listener = core::SocketApi().Listen(name, {.backlog = 0});
  const Fd owner(*listener);
  std::deque<Fd> guests;
  int error = 0;
  for (int i = 0; i < 10 && error == 0; ++i) {
    int fd = -1;
    error = co_await ConnectTo(name, fd);
    guests.push_back(Fd(dup(fd)));
    CloseHere(fd);
  }
  EXPECT_EQ(error, EAGAIN);
}
TEST_P(AddressTest, UnixBacklogFull) { Run(UnixFullMain()); }

}  // namespace
}  // namespace sluice::contract
