// PausedClock under both backends, with one worker and two, and with real sockets.

#include "core/testing/paused_clock.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "core/base/clock.h"
#include "core/combine/from_callback.h"
#include "core/runtime/runtime.h"
#include "core/runtime/task_group.h"
#include "core/time/interval.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "core/time/timeout.h"
#include "epoll/epoll_reactor.h"
#include "iouring/probe.h"
#include "iouring/uring_reactor.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"

namespace sluice::core::testing {
namespace {

using contract::ConnectUnix;
using contract::Pair;
using contract::Received;
using contract::ReceiveNext;
using contract::SendSome;
using contract::StopAndClose;

struct Setting {
  bool uring;
  uint32_t workers;
};

class PausedClockTest : public ::testing::TestWithParam<Setting> {
 protected:
  void SetUp() override {
    const absl::StatusOr<iouring::Features> features = iouring::Probe();
    if (GetParam().uring && !features.ok()) {
      const std::string reason = "no io_uring here: " + std::string(features.status().message());
      if (std::getenv("SLUICE_ALLOW_NO_IO_URING") != nullptr) GTEST_SKIP() << reason;
      FAIL() << reason << " (SLUICE_ALLOW_NO_IO_URING=1 skips these cases)";
    }
    alarm(100);  // a case that hangs ends the run, and its name is the last one printed
  }

  void Run(Task<void> main) { Run(clock_, std::move(main)); }
  void Run(PausedClock& clock, Task<void> main) {
    ReactorFactory factory;
    if (GetParam().uring) {
      factory = [features = *iouring::Probe()](BufferPool& pool) {
        return iouring::UringReactor::Make(features, pool);
      };
    } else {
      factory = [table = std::make_shared<epoll::DescriptorTable>()](BufferPool& pool) {
        return epoll::EpollReactor::Make(table, pool);
      };
    }
    Runtime runtime({.workers = GetParam().workers, .worker = {.buffers = 16, .buffer_size = 4096}},
                    clock, clock.Pausing(std::move(factory)));
    absl::Status status;
    std::thread([&] { status = runtime.Run(std::move(main)); }).join();
    EXPECT_TRUE(status.ok()) << status;
  }

  PausedClock clock_;
};
INSTANTIATE_TEST_SUITE_P(, PausedClockTest,
                         ::testing::Values(Setting{true, 1}, Setting{true, 2}, Setting{false, 1},
                                           Setting{false, 2}),
                         [](const auto& info) {
                           return (info.param.uring ? std::string("io_uring_") : "epoll_") +
                                  std::to_string(info.param.workers);
                         });

Worker* LastWorker() {
  const RuntimeHandle runtime = RuntimeHandle::Current();
  return &runtime.worker(runtime.workers() - 1);
}

Task<void> HourMain() {
  const MonotonicClock real;
  const Instant real_begin = real.Now();
  const Instant begin = Now();
  EXPECT_TRUE(co_await Sleep(3600s));
  EXPECT_GE(Now() - begin, 3600s);
  EXPECT_LE(Now() - begin, 3600s + 1ms);
  EXPECT_LT(real.Now() - real_begin, 20s);  // on however busy a machine; it takes some microseconds
}
TEST_P(PausedClockTest, AnHourTakesNoTime) {
  Run(HourMain());
  EXPECT_LE(clock_.jumps(), 8u);  // to the timer, and where the wheel moves it down
}

// Sleepers of both workers, each of which sleeps again and again. None may find that the clock has
// passed its time (P2), so all of them wake in order of time.
struct Wakes {
  absl::Mutex mutex;
  std::vector<Instant> at ABSL_GUARDED_BY(mutex);
};
Task<void> Sleeper(Wakes& wakes, int number) {
  for (int round = 1; round <= 40; ++round) {
    const Instant due_at = Now() + (number * 7 + round * 13) * 1ms + number * 1s;
    EXPECT_TRUE(co_await SleepUntil(due_at));
    EXPECT_GE(Now(), due_at);
    EXPECT_LE(Now(), due_at + 1ms);
    absl::MutexLock lock(&wakes.mutex);
    wakes.at.push_back(Now());
  }
}
Task<void> SleepersMain() {
  const RuntimeHandle runtime = RuntimeHandle::Current();
  Wakes wakes;
  TaskGroup group(runtime);
  for (int i = 0; i < 20; ++i) {
    group.Spawn(Sleeper(wakes, i), &runtime.worker(i % runtime.workers()));
  }
  co_await group.Join();
  absl::MutexLock lock(&wakes.mutex);
  EXPECT_EQ(wakes.at.size(), 800u);
  EXPECT_TRUE(std::is_sorted(wakes.at.begin(), wakes.at.end()));
}
TEST_P(PausedClockTest, NeverJumpsPastATimerOfAnyWorker) { Run(SleepersMain()); }

// Two tasks, on two workers where there are two, throw a ball through sockets. Each would give up
// after an hour: bytes that are there come before any timer, so no time passes.
Task<void> Player(int ours, int peer, bool serves) {
  constexpr int kBalls = 300;
  RecvStream stream(ours, 1 << 20);
  if (serves) SendSome(peer, "x");
  for (int got = 0; got < kBalls; ++got) {
    IoResult<BufferLease> ball = co_await WithTimeout(1h, stream.Next());
    EXPECT_TRUE(ball.ok());
    if (!ball.ok()) break;
    if (!serves || got + 1 < kBalls) SendSome(peer, "x");
  }
  co_await StopAndClose(stream);
}
Task<void> PlayMain() {
  Pair left = ConnectUnix();
  Pair right = ConnectUnix();
  const Instant begin = Now();
  TaskGroup group(RuntimeHandle::Current());
  group.Spawn(Player(right.ours, left.peer.get(), false), LastWorker());
  co_await Player(left.ours, right.peer.get(), true);
  co_await group.Join();
  EXPECT_EQ(Now() - begin, 0ns);
}
TEST_P(PausedClockTest, BytesOfTheSameRuntimeComeBeforeAnyTimer) { Run(PlayMain()); }

Task<void> SilentMain() {
  Pair pair = ConnectUnix();
  RecvStream stream(pair.ours, 1 << 20);
  const Instant begin = Now();
  IoResult<BufferLease> nothing = co_await WithTimeout(1h, stream.Next());
  EXPECT_EQ(nothing.error(), ETIMEDOUT);
  EXPECT_GE(Now() - begin, 1h);
  EXPECT_LE(Now() - begin, 1h + 1ms);
  SendSome(pair.peer.get(), "late");
  const Received late = co_await ReceiveNext(stream);
  EXPECT_EQ(late.text, "late");
  co_await StopAndClose(stream);
}
TEST_P(PausedClockTest, JumpsWithIoInFlight) { Run(SilentMain()); }

Task<void> Beat(int fd, int beats) {
  Interval interval(30s);
  for (int beat = 0; beat < beats; ++beat) {
    (void)co_await interval.Tick();
    SendSome(fd, "b");
  }
}
Task<void> HeartbeatMain() {
  constexpr int kBeats = 120;
  Pair pair = ConnectUnix();
  RecvStream stream(pair.ours, 1 << 20);
  const Instant begin = Now();
  TaskGroup group(RuntimeHandle::Current());
  group.Spawn(Beat(pair.peer.get(), kBeats), LastWorker());
  for (int beat = 0; beat < kBeats; ++beat) {
    IoResult<BufferLease> received = co_await WithTimeout(45s, stream.Next());
    EXPECT_TRUE(received.ok()) << beat;
    EXPECT_GE(Now() - begin, beat * 30s);
    EXPECT_LE(Now() - begin, beat * 30s + 1ms);
  }
  IoResult<BufferLease> silence = co_await WithTimeout(45s, stream.Next());
  EXPECT_EQ(silence.error(), ETIMEDOUT);
  co_await group.Join();
  co_await StopAndClose(stream);
}
TEST_P(PausedClockTest, AnHourOfHeartbeatsThroughASocket) { Run(HeartbeatMain()); }

// Work outside of the runtime: the clock knows nothing of it, unless it is held.
Task<void> HoldMain(PausedClock& clock) {
  const Instant begin = Now();
  std::thread foreign;
  IoResult<int> answer = co_await WithTimeout(
      1ms, FromCallback<int>([&](Completer<int> done) {
        foreign = std::thread(
            [done = std::move(done), hold = std::make_unique<PausedClock::Hold>(clock)]() mutable {
              std::this_thread::yield();
              done.Complete(4);
              hold.reset();
            });
      }));
  foreign.join();
  EXPECT_TRUE(answer.ok());
  EXPECT_EQ(Now(), begin);
  EXPECT_TRUE(co_await Sleep(1h));  // the hold has gone
}
TEST_P(PausedClockTest, DoesNotJumpWhileItIsHeld) {
  for (int round = 0; round < 50; ++round) Run(HoldMain(clock_));
}

// A hold that goes while every worker sleeps lets the clock jump.
Task<void> ReleaseMain(PausedClock& clock) {
  auto hold = std::make_unique<PausedClock::Hold>(clock);
  std::thread foreign([&] { hold.reset(); });
  EXPECT_TRUE(co_await Sleep(1h));
  foreign.join();
}
TEST_P(PausedClockTest, JumpsWhenTheLastHoldHasGone) {
  for (int round = 0; round < 50; ++round) Run(ReleaseMain(clock_));
}

Task<void> NoteReached(Instant at, std::atomic<int>& reached) {
  EXPECT_TRUE(co_await SleepUntil(at));
  ++reached;
}
Task<void> AdvanceMain(PausedClock& clock) {
  PausedClock::Hold hold(clock);
  const Instant begin = Now();
  std::atomic<int> reached = 0;
  TaskGroup group(RuntimeHandle::Current());
  for (int second = 1; second <= 10; ++second) {
    group.Spawn(NoteReached(begin + second * 1s, reached),
                second % 2 == 0 ? LastWorker() : nullptr);
  }
  for (int second = 1; second <= 6; ++second) {
    clock.Advance(1s);
    co_await contract::Until([&] { return reached == second; });
  }
  co_await contract::Turns(20);
  EXPECT_EQ(reached, 6);
  clock.Advance(1h);
  co_await group.Join();
}
TEST_P(PausedClockTest, AdvancesByHand) { Run(AdvanceMain(clock_)); }

// Without a timer there is nothing to jump to: it waits for the kernel.
Task<void> NoTimerMain() {
  Pair pair = ConnectUnix();
  RecvStream stream(pair.ours, 1 << 20);
  const Instant begin = Now();
  std::thread foreign([&] { SendSome(pair.peer.get(), "hello"); });
  const Received received = co_await ReceiveNext(stream);
  EXPECT_EQ(received.text, "hello");
  EXPECT_EQ(Now(), begin);
  foreign.join();
  co_await StopAndClose(stream);
}
TEST_P(PausedClockTest, WithoutATimerItWaitsForTheKernel) {
  for (int round = 0; round < 50; ++round) Run(NoTimerMain());
}

// Bytes from outside, with a grace: the write is certainly made within it.
Task<void> GraceMain() {
  Pair pair = ConnectUnix();
  RecvStream stream(pair.ours, 1 << 20);
  std::thread foreign([&] { SendSome(pair.peer.get(), "hello"); });
  IoResult<BufferLease> received = co_await WithTimeout(1s, stream.Next());
  EXPECT_TRUE(received.ok());
  foreign.join();
  co_await StopAndClose(stream);
}
TEST_P(PausedClockTest, AGraceLetsBytesFromOutsideComeFirst) {
  PausedClock clock(/*io_grace=*/60s);
  Run(clock, GraceMain());
}

}  // namespace
}  // namespace sluice::core::testing
