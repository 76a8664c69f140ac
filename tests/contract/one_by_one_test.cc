// R5: an accept that is one_by_one takes a connection from the kernel when it is asked for one, and
// no other: the rest waits in the kernel's queue, where a process that takes over, or another
// listener of the same socket, finds it. Nor does a cancellation lose one.

#include <gtest/gtest.h>

#include <cerrno>
#include <deque>
#include <set>
#include <string>
#include <utility>

#include "core/io/accept_stream.h"
#include "core/task/select.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"

namespace sluice::contract {
namespace {

using core::AcceptStream;

constexpr size_t kGuests = 40;
constexpr size_t kTaken = 3;

class OneByOneTest : public ContractTest {};
SLUICE_CONTRACT(OneByOneTest, kAll);

// A listening socket, and guests that wait in its queue.
struct Queue {
  explicit Queue(int fd) : listener(fd) {
    for (size_t i = 0; i < kGuests; ++i) {
      guests.push_back(ConnectPlain(AddressOf(listener)));
      names.push_back(core::SocketApi().LocalAddress(guests.back().get()).ToString());
    }
  }
  size_t waiting() const { return core::SocketApi().WaitingConnections(listener, 2 * kGuests); }

  const int listener;
  std::deque<Fd> guests;
  std::deque<std::string> names;
};

int ListenHere() {
  IoResult<int> fd = core::SocketApi().Listen(Loopback(), {.backlog = 1024});
  SLUICE_CHECK(fd.ok());
  return *fd;
}

std::string NameAndClose(int fd) {
  std::string name = core::SocketApi().PeerAddress(fd).ToString();
  CloseHere(fd);
  return name;
}

Task<void> LeavesTheRestMain() {
  Queue queue(ListenHere());
  co_await Until([&queue] { return queue.waiting() == kGuests; });
  AcceptStream stream(queue.listener, /*one_by_one=*/true);
  for (size_t taken = 1; taken <= kTaken; ++taken) {
    IoResult<int> fd = co_await stream.Next();
    EXPECT_TRUE(fd.ok()) << fd.error();
    if (!fd.ok()) break;
    EXPECT_EQ(NameAndClose(*fd), queue.names[taken - 1]);
    co_await Turns(10);
    EXPECT_FALSE(stream.in_flight());
    EXPECT_EQ(queue.waiting(), kGuests - taken);
  }
  // What was not asked for is there for others: here a plain accept.
  const Fd other = AcceptPlain(queue.listener);
  EXPECT_EQ(core::SocketApi().PeerAddress(other.get()).ToString(), queue.names[kTaken]);
  CloseHere(queue.listener);
}
TEST_P(OneByOneTest, TheRestStaysInTheKernelsQueue) { Run(LeavesTheRestMain()); }

// The next connection, or an error.
Task<IoResult<int>> Next(AcceptStream& stream) { co_return co_await stream.Next(); }

Task<void> CancelMain() {
  Queue queue(ListenHere());
  co_await Until([&queue] { return queue.waiting() == kGuests; });
  AcceptStream stream(queue.listener, /*one_by_one=*/true);
  std::multiset<std::string> taken;
  for (uint64_t i = 0; taken.size() < kGuests; ++i) {
    const auto cancel_after = [](uint64_t yields) -> Task<void> {
      for (; yields > 0; --yields) co_await Yield();
    };
    auto outcome = co_await core::Select(Next(stream), cancel_after(i % 5));
    IoResult<int> fd = outcome.Get<0>();
    // A connection may come although the accept was asked to end: then that end is still to come.
    while (stream.in_flight()) {
      if (fd.ok()) taken.insert(NameAndClose(*fd));
      fd = co_await stream.Next();
    }
    if (fd.ok()) taken.insert(NameAndClose(*fd));
    if (!fd.ok()) EXPECT_EQ(fd.error(), ECANCELED);
    EXPECT_EQ(queue.waiting(), kGuests - taken.size());
  }
  EXPECT_EQ(taken, std::multiset<std::string>(queue.names.begin(), queue.names.end()));
  CloseHere(queue.listener);
}
TEST_P(OneByOneTest, NoneIsLostWithACancellation) { Run(CancelMain()); }

}  // namespace
}  // namespace sluice::contract
