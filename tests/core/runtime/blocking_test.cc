// RunBlocking and SpawnBlocking: where the calls are made, what they bring, how many at once.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "core/runtime/blocking_pool.h"
#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "core/task/yield.h"
#include "tests/core/support/null_reactor.h"

namespace sluice::core {
namespace {

void RunIt(Task<void> main, const BlockingOptions& blocking = {}) {
  MonotonicClock clock;
  Runtime runtime({.worker = {.buffers = 4, .buffer_size = 4096}, .blocking = blocking}, clock,
                  testing::NullReactor::Factory());
  ASSERT_TRUE(runtime.Run(std::move(main)).ok());
}

Task<void> ElsewhereMain() {
  const std::thread::id here = std::this_thread::get_id();
  Outcome<std::thread::id> there = co_await RunBlocking([] { return std::this_thread::get_id(); });
  EXPECT_NE(there.value(), here);
  EXPECT_EQ(std::this_thread::get_id(), here);
}
TEST(RunBlockingTest, RunsOnAThreadOfItsOwn) { RunIt(ElsewhereMain()); }

Task<void> OutcomesMain() {
  EXPECT_EQ((co_await RunBlocking([] { return std::string("text"); })).value(), "text");
  int calls = 0;
  EXPECT_TRUE((co_await RunBlocking([&calls] { ++calls; })).has_value());
  EXPECT_EQ(calls, 1);
  Outcome<int> thrown = co_await RunBlocking([]() -> int { throw std::runtime_error("call"); });
  EXPECT_THROW(thrown.value(), std::runtime_error);
  EXPECT_EQ((co_await SpawnBlocking([] { return 5; })).value(), 5);
  EXPECT_THROW((co_await SpawnBlocking([] { throw std::runtime_error("call"); })).value(),
               std::runtime_error);
}
TEST(RunBlockingTest, BringsWhatTheCallReturnsOrThrows) { RunIt(OutcomesMain()); }

// The worker goes on meanwhile.
Task<void> MeanwhileMain() {
  absl::Notification go;
  JoinHandle<void> blocked = SpawnBlocking([&go] { go.WaitForNotification(); });
  for (int i = 0; i < 100; ++i) co_await Yield();
  EXPECT_FALSE(blocked.finished());
  go.Notify();
  (co_await std::move(blocked)).value();
}
TEST(RunBlockingTest, TheWorkerGoesOnMeanwhile) { RunIt(MeanwhileMain()); }

Task<void> BoundMain() {
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::vector<JoinHandle<void>> handles;
  for (int i = 0; i < 40; ++i) {
    handles.push_back(SpawnBlocking([&] {
      const int now = ++running;
      int before = most.load();
      while (before < now && !most.compare_exchange_weak(before, now)) {
      }
      std::this_thread::yield();
      --running;
    }));
  }
  for (JoinHandle<void>& handle : handles) (co_await std::move(handle)).value();
  EXPECT_LE(most.load(), 3);
  EXPECT_LE(RuntimeHandle::Current().blocking_pool().threads(), 3u);
}
TEST(RunBlockingTest, SoManyAtOnceAndTheOthersInOrder) { RunIt(BoundMain(), {.threads = 3}); }

// No thread at all: there is no one to wait for.
Task<void> NoneMain() {
  Outcome<int> outcome = co_await RunBlocking([] { return 5; });
  EXPECT_FALSE(outcome.has_value() || outcome.cancelled());
  EXPECT_THROW(outcome.value(), std::system_error);
  EXPECT_THROW((co_await SpawnBlocking([] { return 5; })).value(), std::system_error);
}
TEST(RunBlockingTest, WithoutThreadsACallFails) { RunIt(NoneMain(), {.threads = 0}); }

// A call that waits for a thread is not made when its task is asked to give up; one that has begun
// is waited for.
Task<void> CancelMain() {
  absl::Notification go;
  absl::Notification begun;
  JoinHandle<int> first = SpawnBlocking([&] {
    begun.Notify();
    go.WaitForNotification();
    return 1;
  });
  while (!begun.HasBeenNotified()) co_await Yield();
  bool made = false;
  JoinHandle<void> second = SpawnBlocking([&made] { made = true; });
  for (int i = 0; i < 10; ++i) co_await Yield();
  second.Abort();
  EXPECT_TRUE((co_await std::move(second)).cancelled());
  first.Abort();
  for (int i = 0; i < 10; ++i) co_await Yield();
  EXPECT_FALSE(first.finished());
  go.Notify();
  EXPECT_EQ((co_await std::move(first)).value(), 1);
  EXPECT_FALSE(made);
}
TEST(RunBlockingTest, ACancelledCallIsNotMade) { RunIt(CancelMain(), {.threads = 1}); }

Task<void> IdleMain() {
  (void)co_await RunBlocking([] {});
  BlockingPool& pool = RuntimeHandle::Current().blocking_pool();
  while (pool.threads() > 0) co_await Yield();
  EXPECT_TRUE((co_await RunBlocking([] {})).has_value());  // starts another one
}
TEST(RunBlockingTest, AnIdleThreadEnds) { RunIt(IdleMain(), {.idle = 1ms}); }

}  // namespace
}  // namespace sluice::core
