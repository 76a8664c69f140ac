// UdpSocket: datagrams as they were sent, addresses, errors, cancellation. On both backends.
#include "core/io/udp.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/io/stream_socket.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/task/select.h"
#include "core/task/yield.h"
#include "tests/core/io/pairs.h"
#include "tests/core/support/backends.h"

namespace sluice::core::testing {
namespace {

class UdpTest : public BackendTest {
 protected:
  void Run(Task<void> task) { Runtime(Options()).BlockOn(std::move(task)); }
};
SLUICE_ON_EVERY_BACKEND(UdpTest);

UdpSocket Bound(std::string_view address = "127.0.0.1:0") {
  NetResult<UdpSocket> socket = UdpSocket::Bind(*Address::Parse(address));
  EXPECT_TRUE(socket.ok()) << socket.message();
  return std::move(*socket);
}

// Answers each datagram, until an empty one.
Task<void> Echo(UdpSocket socket) {
  std::string bytes(2000, '\0');
  while (true) {
    IoResult<Datagram> got = co_await socket.ReceiveFrom(RoomIn(bytes));
    EXPECT_TRUE(got.ok());
    if (!got.ok()) co_return;
    EXPECT_EQ(*co_await socket.SendTo(RoomIn(bytes).first(got->size), got->from), got->size);
    if (got->size == 0) co_return;
  }
}
Task<void> EchoMain(std::string_view host) {
  UdpSocket ours = Bound(host);
  UdpSocket theirs = Bound(host);
  const Address peer = theirs.local();
  JoinHandle<void> echo = Spawn(Echo(std::move(theirs)));
  EXPECT_FALSE(theirs.is_open());  // NOLINT(bugprone-use-after-move): what it promises
  std::string answer(2000, '\0');
  for (const size_t size : {1, 1000, 2000, 7, 0}) {
    EXPECT_EQ(*co_await ours.SendTo(BytesOf(LettersAt(size, size)), peer), size);
    IoResult<Datagram> got = co_await ours.ReceiveFrom(RoomIn(answer));
    EXPECT_EQ(got->size, size);
    EXPECT_EQ(got->from, peer);
    EXPECT_FALSE(got->truncated);
    EXPECT_EQ(answer.substr(0, size), LettersAt(size, size));
  }
  (void)co_await std::move(echo);
}
TEST_P(UdpTest, EchoIpv4) { Run(EchoMain("127.0.0.1:0")); }
TEST_P(UdpTest, EchoIpv6) { Run(EchoMain("[::1]:0")); }

Task<void> SizesMain() {
  UdpSocket ours = Bound();
  UdpSocket theirs = Bound();
  EXPECT_EQ((co_await ours.SendTo(BytesOf(std::string(70'000, 'x')), theirs.local())).error(),
            EMSGSIZE);
  EXPECT_EQ(*co_await ours.SendTo(BytesOf("0123456789"), theirs.local()), 10u);
  EXPECT_EQ(*co_await ours.SendTo(BytesOf("next"), theirs.local()), 4u);
  std::string bytes(4, '\0');
  IoResult<Datagram> got = co_await theirs.ReceiveFrom(RoomIn(bytes));
  EXPECT_EQ(got->size, 4u);
  EXPECT_TRUE(got->truncated);
  EXPECT_EQ(bytes, "0123");
  got = co_await theirs.ReceiveFrom(RoomIn(bytes));
  EXPECT_FALSE(got->truncated);
  EXPECT_EQ(bytes, "next");
}
TEST_P(UdpTest, ADatagramIsWholeOrTruncated) { Run(SizesMain()); }

Task<void> ConnectedMain() {
  UdpSocket ours = Bound();
  UdpSocket theirs = Bound();
  UdpSocket stranger = Bound();
  EXPECT_EQ((co_await ours.Send(BytesOf("x"))).error(), EDESTADDRREQ);
  EXPECT_TRUE(ours.Connect(theirs.local()).ok());
  EXPECT_EQ(*co_await stranger.SendTo(BytesOf("not me"), ours.local()), 6u);
  EXPECT_EQ(*co_await theirs.SendTo(BytesOf("me"), ours.local()), 2u);
  std::string bytes(10, '\0');
  EXPECT_EQ((*co_await ours.ReceiveFrom(RoomIn(bytes))).size, 2u);
  EXPECT_EQ(*co_await ours.Send(BytesOf("hello")), 5u);
  EXPECT_EQ((*co_await theirs.ReceiveFrom(RoomIn(bytes))).size, 5u);
  const NetResult<UdpSocket> in_use = UdpSocket::Bind(theirs.local());
  EXPECT_EQ(in_use.message(), "bind " + theirs.local().ToString() + ": Address already in use");
  theirs.Close();
  EXPECT_EQ(*co_await ours.Send(BytesOf("anyone?")), 7u);
  EXPECT_EQ((co_await ours.ReceiveFrom(RoomIn(bytes))).error(), ECONNREFUSED);
}
TEST_P(UdpTest, ConnectedToAPeer) { Run(ConnectedMain()); }

// In one run of the task, also behind a receive that was cut short.
Task<void> BoundAgainMain() {
  UdpSocket socket = Bound();
  const Address address = socket.local();
  for (int i = 0; i < 20; ++i) {
    std::string bytes(10, '\0');
    if (i % 2 == 0) {
      auto cut = co_await Select(socket.ReceiveFrom(RoomIn(bytes)), Yield());
      EXPECT_EQ(cut.Get<0>().error(), ECANCELED);
    }
    socket.Close();
    NetResult<UdpSocket> again = UdpSocket::Bind(address);
    EXPECT_TRUE(again.ok()) << again.message();
    if (!again.ok()) co_return;
    socket = std::move(*again);
  }
}
TEST_P(UdpTest, AnAddressIsFreeWhenItsSocketIsClosed) { Run(BoundAgainMain()); }

constexpr int kDatagrams = 2000;
Task<void> SendNumbers(UdpSocket socket, Address to) {
  for (int i = 0; i < kDatagrams; ++i) {
    EXPECT_TRUE((co_await socket.SendTo(BytesOf(std::to_string(i)), to)).ok());
    for (int turns = i % 3; turns > 0; --turns) co_await Yield();
    // Never more on the way than a socket's buffer holds: the receiver tells how far it is.
    if (i % 50 == 49) {
      std::string bytes(1, '\0');
      EXPECT_TRUE((co_await socket.ReceiveFrom(RoomIn(bytes))).ok());
    }
  }
}
Task<void> CutMain() {
  UdpSocket ours = Bound();
  JoinHandle<void> sender = Spawn(SendNumbers(Bound(), ours.local()));
  std::set<int> seen;
  size_t cut_short = 0;
  std::string bytes(10, '\0');
  while (seen.size() < kDatagrams) {
    auto outcome = co_await Select(ours.ReceiveFrom(RoomIn(bytes)), Yield());
    IoResult<Datagram>& got = outcome.Get<0>();
    if (!got.ok()) {
      EXPECT_EQ(got.error(), ECANCELED);
      ++cut_short;
      continue;
    }
    EXPECT_TRUE(seen.insert(std::stoi(bytes.substr(0, got->size))).second);
    if (seen.size() % 50 == 0) EXPECT_TRUE((co_await ours.SendTo(BytesOf("."), got->from)).ok());
  }
  EXPECT_GT(cut_short, 0u);
  (void)co_await std::move(sender);
}
TEST_P(UdpTest, AReceiveThatIsCutShortLosesNothing) { Run(CutMain()); }

// The numbers that have come, at most `most` of them.
void TakeNumbers(int fd, int most, std::vector<int>& numbers) {
  std::array<char, 10> bytes;
  for (; most > 0; --most) {
    const ssize_t got = recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got < 0) return;
    numbers.push_back(std::stoi(std::string(bytes.data(), static_cast<size_t>(got))));
  }
}
// Now and then all are taken, when some sends have had to wait: one that waits is then ready, and
// cut short at once.
Task<void> TakeLater(int number, int fd, std::vector<int>& numbers) {
  for (int i = 0; i < number % 4; ++i) co_await Yield();
  if (number % 16 == 15) TakeNumbers(fd, kDatagrams, numbers);
}
// What says that it has sent is there, as a whole, and nothing else is. Returns how often a send
// was cut short. `send(bytes)` brings what is awaited.
template <typename Send>
Task<size_t> SendCut(Send send, int peer) {
  std::vector<int> sent;
  std::vector<int> received;
  size_t cut_short = 0;
  for (int i = 0; i < kDatagrams; ++i) {
    std::string text = std::to_string(i);
    auto outcome = co_await Select(send(BytesOf(text)), TakeLater(i, peer, received));
    IoResult<size_t>& done = outcome.template Get<0>();
    if (done.ok()) {
      EXPECT_EQ(*done, text.size());
      sent.push_back(i);
    } else {
      EXPECT_EQ(done.error(), ECANCELED);
      ++cut_short;
    }
    text.assign(text.size(), '!');  // nothing reads it any more
  }
  TakeNumbers(peer, kDatagrams, received);
  EXPECT_EQ(received, sent);
  co_return cut_short;
}
Task<void> SendCutMain() {
  UdpSocket ours = Bound();
  const UdpSocket theirs = Bound();
  const Address to = theirs.local();
  (void)co_await SendCut([&](auto bytes) { return ours.SendTo(bytes, to); }, theirs.fd());
}
TEST_P(UdpTest, ASendThatIsCutShortHasSentNothingOrAll) { Run(SendCutMain()); }

// On loopback no send has to wait. Datagrams between UNIX sockets have to: their sender pays for
// what the receiver has not taken.
Task<void> SendWaitsMain() {
  std::array<int, 2> both{};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, both.data()), 0);
  const int few = 1;  // the least that the kernel allows
  EXPECT_EQ(setsockopt(both[0], SOL_SOCKET, SO_SNDBUF, &few, sizeof(few)), 0);
  Lane lane;
  const size_t cut_short = co_await SendCut(
      [&](auto bytes) { return DatagramSend(both[0], bytes, Address(), lane); }, both[1]);
  EXPECT_GT(cut_short, 0u);
  CloseDescriptor(both[0]);
  close(both[1]);
}
TEST_P(UdpTest, ASendThatWaitsAndIsCutShort) { Run(SendWaitsMain()); }

}  // namespace
}  // namespace sluice::core::testing
