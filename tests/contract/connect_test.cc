// What a connect answers when it is not accepted: no backend waits for a UNIX socket's accept
// queue to have a free place, and the same socket may try again.

#include "core/io/connect.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"

namespace sluice::contract {
namespace {

using core::Task;

class ConnectTest : public ContractTest {};
SLUICE_CONTRACT(ConnectTest, kAll);

core::Reactor& Here() { return core::Worker::Current()->reactor(); }

Task<int> Connect(int fd, const core::Address& address) {
  const core::IoResult<void> connected = co_await core::Connect(fd, address);
  co_return connected.ok() ? 0 : connected.error();
}

// Until the queue of `address` takes no more.
std::vector<Fd> FillQueue(const core::Address& address) {
  std::vector<Fd> fillers;
  for (;;) {
    fillers.emplace_back(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (connect(fillers.back().get(), address.get(), address.size()) == 0) continue;
    EXPECT_EQ(errno, EAGAIN);
    return fillers;
  }
}

Task<void> FullQueueMain() {
  const core::Address address = AbstractName();
  Fd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(bind(listener.get(), address.get(), address.size()), 0);
  EXPECT_EQ(listen(listener.get(), 1), 0);
  const std::vector<Fd> fillers = FillQueue(address);
  core::IoResult<int> fd = Here().OpenSocket(AF_UNIX);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(co_await Connect(*fd, address), EAGAIN);
  const Fd taken = AcceptPlain(listener.get());
  EXPECT_EQ(co_await Connect(*fd, address), 0);
  CloseHere(*fd);
}
TEST_P(ConnectTest, AFullAcceptQueueIsToldAtOnceAndTheSocketMayTryAgain) { Run(FullQueueMain()); }

Task<void> NobodyMain() {
  const core::Address nobody = AbstractName();
  core::IoResult<int> local = Here().OpenSocket(AF_UNIX);
  EXPECT_EQ(co_await Connect(*local, nobody), ECONNREFUSED);
  CloseHere(*local);
  core::Address closed;
  {
    const Fd listener = ListenPlain();
    closed = AddressOf(listener.get());
  }
  core::IoResult<int> tcp = Here().OpenSocket(AF_INET);
  EXPECT_EQ(co_await Connect(*tcp, closed), ECONNREFUSED);
  CloseHere(*tcp);
}
TEST_P(ConnectTest, NobodyListens) { Run(NobodyMain()); }

Task<void> LocalMain() {
  const auto is_local = [](const char* text, int family) {
    sockaddr_in ipv4 = {};
    ipv4.sin_family = AF_INET;
    sockaddr_in6 ipv6 = {};
    ipv6.sin6_family = AF_INET6;
    void* host = family == AF_INET ? static_cast<void*>(&ipv4.sin_addr) : &ipv6.sin6_addr;
    EXPECT_EQ(inet_pton(family, text, host), 1);
    return Here().IsLocal(family == AF_INET
                              ? core::Address(reinterpret_cast<sockaddr*>(&ipv4), sizeof(ipv4))
                              : core::Address(reinterpret_cast<sockaddr*>(&ipv6), sizeof(ipv6)));
  };
  EXPECT_TRUE(is_local("127.0.0.1", AF_INET));
  EXPECT_TRUE(is_local("127.9.8.7", AF_INET));
  EXPECT_TRUE(is_local("0.0.0.0", AF_INET));
  EXPECT_TRUE(is_local("::1", AF_INET6));
  EXPECT_TRUE(is_local("::", AF_INET6));
  EXPECT_TRUE(is_local("::ffff:127.0.0.1", AF_INET6));
  EXPECT_FALSE(is_local("192.0.2.1", AF_INET));
  EXPECT_FALSE(is_local("255.255.255.255", AF_INET));
  EXPECT_FALSE(is_local("224.0.0.1", AF_INET));
  EXPECT_FALSE(is_local("2001:db8::1", AF_INET6));
  EXPECT_FALSE(is_local("::ffff:192.0.2.1", AF_INET6));
  EXPECT_FALSE(Here().IsLocal(AbstractName()));
  co_return;
}
TEST_P(ConnectTest, WhichAddressesAreOfThisHost) { Run(LocalMain()); }

}  // namespace
}  // namespace sluice::contract
