// Accepting: every connection once, on any worker, also when the accept is cancelled; errors are
// told and passed over.

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <deque>
#include <filesystem>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "core/io/accept_stream.h"
#include "core/io/poll.h"
#include "core/io/recv_stream.h"
#include "core/runtime/task_group.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "tests/contract/contract.h"
#include "tests/contract/move.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"
#include "tests/core/support/seed.h"

namespace sluice::contract {
namespace {

using core::AcceptStream;
using core::testing::Between;

class AcceptTest : public ContractTest {};
SLUICE_CONTRACT(AcceptTest, kAll);

int ListenHere() {
  IoResult<int> fd = core::SocketApi().Listen(Loopback(), {.backlog = 1024});
  SLUICE_CHECK(fd.ok());
  return *fd;
}

// The next connection, or -1 and the error.
Task<int> AcceptOne(AcceptStream& stream, int* error = nullptr) {
  IoResult<int> fd = co_await stream.Next();
  if (error != nullptr) *error = fd.error();
  co_return fd.ok() ? *fd : -1;
}

Task<int> YieldTimes(uint64_t times) {
  for (; times > 0; --times) co_await Yield();
  co_return 0;
}

// Says which connection it is and closes it. The peer sends its number first.
Task<void> Serve(int fd, std::vector<int>& served) {
  RecvStream stream(fd, 100);
  const Received number = co_await Receive(stream, 4);
  EXPECT_EQ(number.text.size(), 4u);
  if (number.text.size() == 4) ++served[std::stoul(number.text)];
  co_await StopAndClose(stream);
}

std::string FourDigits(size_t number) {
  std::string text = std::to_string(number);
  return std::string(4 - text.size(), '0') + text;
}

// Connects one after the other on a thread of its own and waits for the end of each.
class Guests {
 public:
  Guests(const core::Address& address, size_t count)
      : thread_([this, address, count] {
          for (size_t i = 0; i < count; ++i) {
            Fd fd = ConnectPlain(address);
            SendSome(fd.get(), FourDigits(i));
            fds_.push_back(std::move(fd));
          }
          for (Fd& fd : fds_) EXPECT_TRUE(WaitForEnd(fd.get()));
          done_.store(true);
        }) {}
  ~Guests() { thread_.join(); }

  // All have been served; until then the worker must not be blocked by joining.
  Task<void> Done() {
    co_await Until([this] { return done_.load(); });
  }

 private:
  std::deque<Fd> fds_;
  std::atomic<bool> done_{false};
  std::thread thread_;
};

// Accepts until the scope is cancelled; up to ECANCELED nothing is lost.
Task<int> AcceptUntilCancelled(int listener, core::TaskGroup& group, std::vector<int>& served,
                               std::atomic<size_t>* left = nullptr) {
  AcceptStream stream(listener);
  for (int count = 0;; ++count) {
    IoResult<int> fd = co_await stream.Next();
    if (!fd.ok()) {
      EXPECT_EQ(fd.error(), ECANCELED);
      co_return count;
    }
    group.Spawn(Serve(*fd, served));
    if (left != nullptr) left->fetch_sub(1);
  }
}

Task<void> CancelMain(core::RuntimeHandle runtime, core::Worker& other) {
  constexpr size_t kGuests = 200;
  core::testing::Random random(core::testing::Seed());
  const int listener = ListenHere();
  std::vector<int> served(kGuests, 0);
  {
    core::TaskGroup group(runtime);
    Guests guests(AddressOf(listener), kGuests);
    size_t accepted = 0;
    for (int rounds = 0; accepted < kGuests; ++rounds) {
      const auto outcome = co_await core::Select(AcceptUntilCancelled(listener, group, served),
                                                 YieldTimes(Between(random, 0, 200)));
      accepted += static_cast<size_t>(outcome.Get<0>());
      if (rounds % 3 == 0) co_await MoveTo(other);
      co_await Yield();
    }
    co_await group.Join();
    co_await guests.Done();
  }
  EXPECT_EQ(served, std::vector<int>(kGuests, 1));
  CloseHere(listener);
}
TEST_P(AcceptTest, CancelWhileConnectionsArrive) {
  // The cancelled accept may be another worker's: its connections are not lost either.
  core::Worker& other = *worker(workers() - 1);
  Run(CancelMain(handle(), other));
}

// Each worker accepts from its own duplicate of the listening socket until all have been served.
Task<int> UntilNone(std::atomic<size_t>& left) {
  co_await Until([&left] { return left.load() == 0; });
  co_return 0;
}
Task<void> AcceptSome(int listener, core::TaskGroup& group, std::vector<int>& served,
                      std::atomic<size_t>& left) {
  const auto outcome =
      co_await core::Select(UntilNone(left), AcceptUntilCancelled(listener, group, served, &left));
  EXPECT_TRUE(outcome.Won<0>());
  CloseHere(listener);
}
Task<void> DuplicatesMain(core::RuntimeHandle runtime) {
  constexpr size_t kGuests = 200;
  const int listener = ListenHere();
  const core::Address address = AddressOf(listener);
  std::vector<int> served(kGuests, 0);
  std::atomic<size_t> left{kGuests};
  core::TaskGroup group(runtime);
  for (uint32_t i = 0; i < runtime.workers(); ++i) {
    IoResult<int> copy = core::SocketApi().Duplicate(listener);
    group.Spawn(AcceptSome(*copy, group, served, left), &runtime.worker(i));
  }
  {
    Guests guests(address, kGuests);
    co_await group.Join();
    co_await guests.Done();
  }
  EXPECT_EQ(served, std::vector<int>(kGuests, 1));
  CloseHere(listener);
}
TEST_P(AcceptTest, EachWorkerFromItsDuplicate) { Run(DuplicatesMain(handle())); }

// A descriptor number that comes back as a duplicate of the same listening socket is another life.
Task<void> ConnectLater(core::Address address) {
  co_await Turns(3);  // the accept waits
  const Fd guest = ConnectPlain(address);
}
Task<int> ErrorOfAccept(AcceptStream& stream) {
  int error = 0;
  const int fd = co_await AcceptOne(stream, &error);
  if (fd >= 0) CloseHere(fd);
  co_return error;
}
// Ends the stream as a listener does, in a cancelled scope.
Task<void> EndOf(AcceptStream& stream) {
  const auto outcome = co_await core::Select(YieldTimes(100), ErrorOfAccept(stream));
  EXPECT_EQ(outcome.Get<1>(), ECANCELED);
}
Task<void> AgainMain() {
  const int listener = ListenHere();
  const core::Address address = AddressOf(listener);
  for (int i = 0; i < 5; ++i) {
    IoResult<int> copy = core::SocketApi().Duplicate(listener);
    AcceptStream stream(*copy);
    auto [fd, unit] = co_await core::Join(AcceptOne(stream), ConnectLater(address));
    (void)unit;
    EXPECT_GE(fd, 0);
    if (fd >= 0) CloseHere(fd);
    co_await EndOf(stream);
    CloseHere(*copy);
    co_await Turns(2);  // closed for good, so that its number is free
  }
  CloseHere(listener);
}
TEST_P(AcceptTest, ADuplicateMadeAgain) { Run(AgainMain()); }

// A listener that has been polled, before the first accept, has none waiting: the worker does not
// wait for the next connection inside accept(2).
Task<int> PollFor(int fd) {
  IoResult<uint32_t> ready = co_await core::Poll(fd, POLLIN);
  co_return ready.ok() ? static_cast<int>(*ready) : -ready.error();
}
Task<void> PolledMain(core::Address at) {
  IoResult<int> listener = core::SocketApi().Listen(at, {.backlog = 16});
  SLUICE_CHECK(listener.ok());
  auto [events, unit] = co_await core::Join(PollFor(*listener), ConnectLater(AddressOf(*listener)));
  (void)unit;
  EXPECT_EQ(events, POLLIN);
  AcceptStream stream(*listener);
  const int fd = co_await AcceptOne(stream);
  EXPECT_GE(fd, 0);
  if (fd >= 0) CloseHere(fd);
  const auto outcome = co_await core::Select(ErrorOfAccept(stream), core::Sleep(20ms));
  EXPECT_TRUE(outcome.Won<1>());
  EXPECT_EQ(outcome.Get<0>(), ECANCELED);
  CloseHere(*listener);
}
TEST_P(AcceptTest, AListenerThatHasBeenPolled) { Run(PolledMain(Loopback())); }
TEST_P(AcceptTest, AListenerThatHasBeenPolledUnix) { Run(PolledMain(AbstractName())); }

// A descriptor that has waited and is closed while its socket lives on, here or in another process:
// an arrival, which wakes one of those that wait, wakes one that is still there. A worker that
// sleeps is what the other would take the wake-up from: so the client is a thread, and comes later.
Task<void> LeftMain() {
  const int listener = ListenHere();
  IoResult<int> closed = core::SocketApi().Duplicate(listener);
  IoResult<int> stays = core::SocketApi().Duplicate(listener);
  AcceptStream before(*closed);
  co_await EndOf(before);
  CloseHere(*closed);
  co_await Turns(2);
  AcceptStream stream(*stays);
  std::thread guest([address = AddressOf(listener)] {
    std::this_thread::sleep_for(50ms);
    ConnectPlain(address);
  });
  const auto outcome = co_await core::Select(AcceptOne(stream), core::Sleep(10s));
  const int fd = outcome.Get<0>();
  guest.join();
  EXPECT_TRUE(outcome.Won<0>());
  EXPECT_GE(fd, 0);
  if (fd >= 0) CloseHere(fd);
  co_await EndOf(stream);
  CloseHere(*stays);
  CloseHere(listener);
}
TEST_P(AcceptTest, AClosedDuplicateTakesNoWakeUp) { Run(LeftMain()); }

// No descriptors left: told once and for each new try; then it goes on.
class DescriptorLimit {
 public:
  DescriptorLimit() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const Fd lowest_free(dup(STDOUT_FILENO));
    Set(static_cast<size_t>(lowest_free.get()));
  }
  ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  void Set(size_t limit) {
    const rlimit low = {.rlim_cur = limit, .rlim_max = before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  }
  rlimit before_;
};

Task<void> ExhaustedMain() {
  const int listener = ListenHere();
  const core::Address address = AddressOf(listener);
  AcceptStream stream(listener);
  std::deque<Fd> guests;
  for (int i = 0; i < 3; ++i) guests.push_back(ConnectPlain(address));
  {
    const DescriptorLimit none_left;
    for (int i = 0; i < 3; ++i) {
      IoResult<int> fd = co_await stream.Next();
      EXPECT_EQ(fd.error(), EMFILE);
      if (fd.ok()) CloseHere(*fd);
    }
  }
  for (int i = 0; i < 3; ++i) {
    IoResult<int> fd = co_await stream.Next();
    EXPECT_TRUE(fd.ok()) << fd.error();
    if (fd.ok()) CloseHere(*fd);
  }
  co_await EndOf(stream);
  CloseHere(listener);
}
TEST_P(AcceptTest, OutOfDescriptors) { Run(ExhaustedMain()); }

// A cancelled accept says so, also one that has lost so many connections to others that a thread of
// the kernel waits in its place: that one is woken by a signal.
size_t CountThreads() {
  using std::filesystem::directory_iterator;
  return static_cast<size_t>(
      std::distance(directory_iterator("/proc/self/task"), directory_iterator()));
}
Task<int> LoseConnections(int listener) {
  const size_t threads = CountThreads();
  for (int i = 0; i < 300 && CountThreads() == threads; ++i) {
    const Fd guest = ConnectPlain(AddressOf(listener));
    const Fd taken = AcceptPlain(listener);
    co_await Turns(1);
  }
  co_await Turns(200);  // it has begun to wait
  co_return 0;
}
Task<void> LostMain() {
  const int listener = ListenHere();
  AcceptStream stream(listener);
  const auto outcome = co_await core::Select(LoseConnections(listener), ErrorOfAccept(stream));
  EXPECT_TRUE(outcome.Won<0>());
  EXPECT_EQ(outcome.Get<1>(), ECANCELED);
  CloseHere(listener);
}
TEST_P(AcceptTest, CancelledAfterLosingMany) { Run(LostMain()); }

// A crowd that has not been accepted yet holds few descriptors, however long it has to wait for
// that; then all of it comes.
Task<void> CrowdMain() {
  constexpr size_t kGuests = 300;
  const int listener = ListenHere();
  const core::Address address = AddressOf(listener);
  AcceptStream stream(listener);
  std::deque<Fd> guests;
  for (size_t i = 0; i < kGuests; ++i) guests.push_back(ConnectPlain(address));
  const size_t before = CountDescriptors();
  std::deque<Fd> accepted;
  while (accepted.size() < kGuests) {
    IoResult<int> fd = co_await stream.Next();
    EXPECT_TRUE(fd.ok()) << fd.error();
    if (!fd.ok()) break;
    accepted.emplace_back(*fd);
    co_await Turns(accepted.size() < 20 ? 5 : 0);
    EXPECT_LE(CountDescriptors(), before + accepted.size() + core::kAcceptsPerSubmit);
  }
  accepted.clear();
  co_await EndOf(stream);
  CloseHere(listener);
}
TEST_P(AcceptTest, ACrowdHoldsFewDescriptors) { Run(CrowdMain()); }

// A client that has gone before it is accepted is known all the same: its address, and that it has
// reset its connection. What the kernel's queue holds is known before it is taken.
void Reset(Fd client) {
  const linger reset = {.l_onoff = 1, .l_linger = 0};
  EXPECT_EQ(setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
}
Task<void> GoneMain(core::Address at) {
  core::Reactor& here = core::Worker::Current()->reactor();
  IoResult<int> listener = core::SocketApi().Listen(at, {.backlog = 16});
  SLUICE_CHECK(listener.ok());
  EXPECT_EQ(here.WaitingConnections(*listener, 9), at.is_ip() ? 0u : 9u);
  std::deque<std::string> names;
  for (int i = 0; i < 3; ++i) {
    Fd client = ConnectPlain(AddressOf(*listener));
    names.push_back(here.LocalAddress(client.get()).ToString());
    SendSome(client.get(), "x");
    Reset(std::move(client));
  }
  const Fd stays = ConnectPlain(AddressOf(*listener));
  names.push_back(here.LocalAddress(stays.get()).ToString());
  if (at.is_ip()) {
    co_await Until([&] { return here.WaitingConnections(*listener, 9) == 4; });
    EXPECT_EQ(here.WaitingConnections(*listener, 2), 2u);
  }
  AcceptStream stream(*listener);
  for (const std::string& name : names) {
    IoResult<int> fd = co_await stream.Next();
    EXPECT_TRUE(fd.ok());
    if (!fd.ok()) break;
    EXPECT_EQ(here.PeerAddress(*fd).ToString(), name);
    const bool gone = at.is_ip() && &name != &names.back();
    EXPECT_EQ(here.GetPeerState(*fd), gone ? core::PeerState::kReset : core::PeerState::kOpen);
    CloseHere(*fd);
  }
  co_await EndOf(stream);
  CloseHere(*listener);
}
TEST_P(AcceptTest, AClientThatHasGone) { Run(GoneMain(Loopback())); }
TEST_P(AcceptTest, AClientThatHasGone6) { Run(GoneMain(Loopback6())); }
TEST_P(AcceptTest, AClientThatHasGoneUnix) { Run(GoneMain(AbstractName())); }

}  // namespace
}  // namespace sluice::contract
