// A runtime's life: in the background, its shutdown, and what becomes of the tasks that are left.
#include "core/runtime/runtime.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "core/io/poll.h"
#include "core/runtime/join_set.h"
#include "core/sync/event.h"
#include "core/task/outcome.h"
#include "core/task/shield.h"
#include "core/task/task.h"
#include "core/task/yield.h"
#include "core/time/sleep.h"
#include "tests/core/support/backends.h"

namespace sluice::core {
namespace {

using RuntimeTest = testing::BackendTest;
SLUICE_ON_EVERY_BACKEND(RuntimeTest);

struct Counts {
  std::atomic<int> begun{0};
  std::atomic<int> cancelled{0};  // and cleaned up
  std::atomic<int> gone{0};       // frames
};

class Guard {
 public:
  explicit Guard(Counts& counts) : counts_(&counts) {}
  Guard(Guard&& other) noexcept : counts_(std::exchange(other.counts_, nullptr)) {}
  ~Guard() {
    if (counts_ != nullptr) ++counts_->gone;
  }

 private:
  Counts* counts_;
};

Task<void> WaitLong(Counts& counts, Guard) {
  ++counts.begun;
  if (co_await Sleep(1h)) co_return;
  EXPECT_TRUE(co_await Shield(Sleep(1ms)));  // to clean up may take time
  ++counts.cancelled;
}
Task<void> Begun(Counts& counts, int tasks) {
  while (counts.begun < tasks) co_await Yield();
}
Task<int> Number(int number) {
  co_await Yield();
  co_return number;
}

TEST_P(RuntimeTest, RunsInTheBackground) {
  Runtime runtime(Options());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  absl::Notification ran;
  std::thread::id worker;
  const auto run = [&]() -> Task<void> {
    co_await Sleep(1ms);
    worker = std::this_thread::get_id();
    ran.Notify();
  };
  runtime.handle().Spawn(run()).Detach();
  ran.WaitForNotification();
  EXPECT_NE(worker, std::this_thread::get_id());
  EXPECT_TRUE(runtime.Shutdown());
}

TEST_P(RuntimeTest, ThreadsBlockOnItAtOnce) {
  Runtime runtime(Options());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&runtime, t] {
      for (int i = 0; i < 200; ++i) ASSERT_EQ(runtime.BlockOn(Number(t * i)), t * i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// `runtime`: started or not, and it has begun what was spawned.
void SpawnWaiting(Runtime& runtime, Counts& counts, int tasks) {
  for (int i = 0; i < tasks; ++i) {
    runtime.handle().Spawn(WaitLong(counts, Guard(counts))).Detach();
  }
  runtime.BlockOn(Begun(counts, tasks));
}

TEST_P(RuntimeTest, ShutdownCancelsAndAwaitsInTheBackground) {
  Counts counts;
  Runtime runtime(Options());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  SpawnWaiting(runtime, counts, 100);
  EXPECT_GE(runtime.handle().live_tasks(), 100u);
  EXPECT_TRUE(runtime.Shutdown());
  EXPECT_EQ(counts.cancelled, 100);
  EXPECT_EQ(counts.gone, 100);
  EXPECT_TRUE(runtime.Shutdown());  // again: nothing is left to do
}

TEST_P(RuntimeTest, ItsDestructionCancelsAndAwaits) {
  for (const bool background : {false, true}) {
    Counts counts;
    {
      Runtime runtime(Options());
      if (background) {
        ASSERT_TRUE(runtime.StartInBackground().ok());
      }
      SpawnWaiting(runtime, counts, 100);
    }
    EXPECT_EQ(counts.cancelled, 100);
    EXPECT_EQ(counts.gone, 100);
  }
}

Task<void> WaitForByte(int fd, std::atomic<int>& cancelled) {
  IoResult<uint32_t> ready = co_await Poll(fd, POLLIN);
  if (!ready.ok() && ready.error() == ECANCELED) ++cancelled;
}

TEST_P(RuntimeTest, OperationsOfTheKernelAreCancelled) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  std::atomic<int> cancelled{0};
  {
    Runtime runtime(Options());
    runtime.handle().Spawn(WaitForByte(ends[0], cancelled)).Detach();
    runtime.BlockOn(Sleep(1ms));
  }
  EXPECT_EQ(cancelled, 1);
  close(ends[0]);
  close(ends[1]);
}

Task<void> Stubborn(Event& event, std::atomic<bool>& begun) {
  begun = true;
  EXPECT_TRUE((co_await Shield(event.Wait())).ok());
}
Task<void> UntilTrue(const std::atomic<bool>& flag) {
  while (!flag) co_await Yield();
}

TEST_P(RuntimeTest, ShutdownLosesPatience) {
  for (const bool background : {false, true}) {
    Event event;
    std::atomic<bool> begun{false};
    Counts counts;
    Runtime runtime(Options());
    if (background) {
      ASSERT_TRUE(runtime.StartInBackground().ok());
    }
    JoinHandle<void> handle = runtime.handle().Spawn(Stubborn(event, begun));
    runtime.BlockOn(UntilTrue(begun));
    SpawnWaiting(runtime, counts, 10);
    EXPECT_FALSE(runtime.Shutdown(50ms));
    EXPECT_FALSE(runtime.Shutdown(0ms));
    EXPECT_FALSE(handle.finished());
    event.Set();
    EXPECT_TRUE(runtime.Shutdown(100s));
    EXPECT_TRUE(handle.finished());
    EXPECT_EQ(counts.cancelled, 10);
  }
}

Task<void> UntilTime(std::atomic<bool>& begun, std::chrono::steady_clock::time_point end) {
  begun = true;
  while (std::chrono::steady_clock::now() < end) co_await Yield();
}

// The last task ends when patience does: its worker may have left for good, and is not waited for.
TEST_P(RuntimeTest, PatienceEndsWithTheLastTask) {
  for (int round = 0; round < 200; ++round) {
    RuntimeOptions options = Options();
    options.workers = 2;
    Runtime runtime(options);
    ASSERT_TRUE(runtime.Start().ok());
    const auto end = std::chrono::steady_clock::now() + 2ms + round * 2us;
    std::atomic<bool> begun{false};
    SpawnOn(runtime.handle(), &runtime.handle().worker(1), UntilTime(begun, end)).Detach();
    runtime.BlockOn(UntilTrue(begun));
    if (!runtime.Shutdown(1ms)) {
      EXPECT_TRUE(runtime.Shutdown(100s));
    }
  }
}

Task<void> SpawnAtTheEnd(Counts& counts, std::atomic<bool>& begun) {
  begun = true;
  EXPECT_FALSE(co_await Sleep(1h));
  JoinHandle<void> late = Spawn(WaitLong(counts, Guard(counts)));
  EXPECT_TRUE((co_await std::move(late)).cancelled());
}

TEST_P(RuntimeTest, WhatIsSpawnedDuringShutdownDoesNotBegin) {
  Counts counts;
  std::atomic<bool> begun{false};
  {
    Runtime runtime(Options());
    runtime.handle().Spawn(SpawnAtTheEnd(counts, begun)).Detach();
    runtime.BlockOn(UntilTrue(begun));
  }
  EXPECT_EQ(counts.begun, 0);
  EXPECT_EQ(counts.gone, 1);
}

TEST_P(RuntimeTest, WhatIsSpawnedBeforeOrAfterItsLifeDoesNotBegin) {
  Counts counts;
  {
    Runtime runtime(Options());
    runtime.handle().Spawn(WaitLong(counts, Guard(counts))).Detach();
  }
  EXPECT_EQ(counts.gone, 1);
  {
    Runtime runtime(Options());
    ASSERT_TRUE(runtime.StartInBackground().ok());
    ASSERT_TRUE(runtime.Shutdown());
    runtime.handle().Spawn(WaitLong(counts, Guard(counts))).Detach();
  }
  EXPECT_EQ(counts.begun, 0);
  EXPECT_EQ(counts.gone, 2);
}

// A task that has never waited is in no list when the runtime ends.
Task<void> BusyUntilCancelled(const Counts& waiting, std::atomic<bool>& begun, bool& slept) {
  begun = true;
  while (waiting.cancelled == 0) std::this_thread::yield();  // the other worker runs that one
  slept = co_await Sleep(1h);
}

TEST_P(RuntimeTest, ATaskInItsFirstRunIsCancelledWhenItIsToWait) {
  Counts waiting;
  std::atomic<bool> begun{false};
  bool slept = true;
  RuntimeOptions options = Options();
  options.workers = 2;
  Runtime runtime(options);
  ASSERT_TRUE(runtime.StartInBackground().ok());
  SpawnWaiting(runtime, waiting, 1);
  runtime.handle().Spawn(BusyUntilCancelled(waiting, begun, slept)).Detach();
  while (!begun) std::this_thread::yield();
  EXPECT_TRUE(runtime.Shutdown());
  EXPECT_FALSE(slept);
}

// Tasks begin, end and are spawned by tasks while they are cancelled.
Task<void> Spawning(Counts& counts) {
  JoinSet<void> children;
  while (co_await Sleep(1ms)) {
    for (int i = 0; i < 20; ++i) children.Spawn(WaitLong(counts, Guard(counts)));
    for (int i = 0; i < 20; ++i) Spawn(Number(i)).Detach();
  }
}

TEST_P(RuntimeTest, ShutdownMeetsTasksThatBeginAndEnd) {
  for (int round = 0; round < 10; ++round) {
    Counts counts;
    Runtime runtime(Options());
    ASSERT_TRUE(runtime.StartInBackground().ok());
    for (int i = 0; i < 4; ++i) runtime.handle().Spawn(Spawning(counts)).Detach();
    runtime.BlockOn(Begun(counts, 100));
    EXPECT_TRUE(runtime.Shutdown());
    EXPECT_EQ(runtime.handle().live_tasks(), 0u);
    EXPECT_EQ(counts.cancelled, counts.begun);
    EXPECT_GE(counts.gone, counts.begun);
  }
}

TEST_P(RuntimeTest, WithoutCancellationShutdownWaits) {
  RuntimeOptions options = Options();
  options.cancels_tasks = false;
  Event event;
  std::atomic<bool> begun{false};
  Runtime runtime(options);
  ASSERT_TRUE(runtime.StartInBackground().ok());
  runtime.handle().Spawn(Stubborn(event, begun)).Detach();
  runtime.BlockOn(UntilTrue(begun));
  EXPECT_FALSE(runtime.Shutdown(0ms));
  event.Set();
  EXPECT_TRUE(runtime.Shutdown());
}

TEST_P(RuntimeTest, BlockOnBringsWhatItsTaskSavesFromShutdown) {
  Runtime runtime(Options());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  absl::Notification begun;
  const auto main = [&]() -> Task<int> {
    begun.Notify();
    co_return co_await Sleep(1h) ? 1 : 2;
  };
  std::thread thread([&] { EXPECT_EQ(runtime.BlockOn(main()), 2); });
  begun.WaitForNotification();
  EXPECT_TRUE(runtime.Shutdown());
  thread.join();
}

TEST_P(RuntimeTest, BlockOnAfterShutdownDoesNotBegin) {
  Counts counts;
  Runtime runtime(Options());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  EXPECT_TRUE(runtime.Shutdown());
  EXPECT_THROW(runtime.BlockOn(WaitLong(counts, Guard(counts))), Cancelled);
  EXPECT_EQ(counts.begun, 0);
  EXPECT_EQ(counts.gone, 1);
}

TEST_P(RuntimeTest, AsManyWorkersAsCpus) {
  RuntimeOptions options = Options();
  options.workers = 0;
  Runtime runtime(options);
  EXPECT_EQ(runtime.handle().workers(), CpusOfAffinity().size());
}

using RuntimeDeathTest = RuntimeTest;
SLUICE_ON_EVERY_BACKEND(RuntimeDeathTest);

Task<void> ShutDownInside(Runtime& runtime) {
  runtime.Shutdown();
  co_return;
}
TEST_P(RuntimeDeathTest, ShutdownInsideATaskSaysWhatToDo) {
  EXPECT_DEATH(
      {
        Runtime runtime(Options());
        runtime.BlockOn(ShutDownInside(runtime));
      },
      "call Shutdown on a thread outside of the runtimes");
}

}  // namespace
}  // namespace sluice::core
