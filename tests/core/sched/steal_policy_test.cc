// StealPolicy: which tasks an idle worker takes from a busy one, and when.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/runtime/task_group.h"
#include "core/sched/worker.h"
#include "tests/core/support/null_reactor.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

WorkerOptions With(StealPolicy policy) {
  WorkerOptions options = TestRuntime::Small();
  options.steal_policy = policy;
  return options;
}

// Long enough on a loaded machine; only a failing test waits for it.
bool Wait(const std::atomic<int>& count, int wanted) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (count.load() < wanted) {
    if (std::chrono::steady_clock::now() >= end) return false;
  }
  return true;
}

Task<void> CountElsewhere(uint32_t parent, std::atomic<int>& elsewhere) {
  if (Worker::Current()->index() != parent) elsewhere.fetch_add(1);
  co_return;
}

// Spawns and, without ever giving way, waits until others have run what it has spawned.
Task<void> Busy(TestRuntime& runtime, int children, bool& all_began) {
  std::atomic<int> elsewhere{0};
  TaskGroup group(runtime.handle());
  for (int i = 0; i < children; ++i) {
    group.Spawn(CountElsewhere(Worker::Current()->index(), elsewhere));
  }
  all_began = Wait(elsewhere, children);
  co_await group.Join();
}
TEST(StealPolicyTest, EagerNewTasksOfABusyWorkerBeginOnAnother) {
  for (const uint32_t workers : {2u, 3u}) {
    for (const int children : {2, 3, 8, 300}) {
      SCOPED_TRACE(::testing::Message() << workers << " workers, " << children << " children");
      TestRuntime runtime(workers, With(StealPolicy::kEager));
      bool all_began = false;
      runtime.Run(Busy(runtime, children, all_began));
      EXPECT_TRUE(all_began);
    }
  }
}

TEST(StealPolicyTest, EagerIsTheDefault) {
  EXPECT_EQ(WorkerOptions().steal_policy, StealPolicy::kEager);
}

// Again and again: the other worker is asleep, going to sleep, or has just been woken.
Task<void> BusyAgain(TestRuntime& runtime, int rounds, bool& all_began) {
  for (all_began = true; all_began && rounds > 0; --rounds) {
    co_await Busy(runtime, 2 + rounds % 3, all_began);
  }
}
TEST(StealPolicyTest, NoWakeUpForNewTasksIsLost) {
  TestRuntime runtime(2, With(StealPolicy::kEager));
  bool all_began = false;
  runtime.Run(BusyAgain(runtime, 3000, all_began));
  EXPECT_TRUE(all_began);
}

// Spawned from outside of the workers, as many tasks as there are workers: none waits behind
// another one that computes.
Task<void> Meet(std::atomic<int>& begun, int wanted, std::atomic<int>& met,
                std::atomic<int>& ended) {
  begun.fetch_add(1);
  if (Wait(begun, wanted)) met.fetch_add(1);
  ended.fetch_add(1);
  co_return;
}
TEST(StealPolicyTest, EagerTasksFromOutsideRunSideBySide) {
  for (const int workers : {2, 3}) {
    MonotonicClock clock;
    Runtime runtime(
        {.workers = static_cast<uint32_t>(workers), .worker = With(StealPolicy::kEager)}, clock,
        NullReactor::Factory());
    ASSERT_TRUE(runtime.StartInBackground().ok());
    bool all_met = true;
    for (int round = 0; all_met && round < 300; ++round) {
      std::atomic<int> begun{0}, met{0}, ended{0};
      for (int i = 0; i < workers; ++i) {
        SpawnOn(runtime.handle(), nullptr, Meet(begun, workers, met, ended)).Detach();
      }
      while (ended.load() < workers) std::this_thread::yield();
      all_met = met.load() == workers;
    }
    EXPECT_TRUE(all_met) << workers << " workers";
    EXPECT_TRUE(runtime.Shutdown());
  }
}

// A small number of tasks wakes no worker, and is not overdue.
Task<void> CountHere(uint32_t parent, std::atomic<int>& here) {
  if (Worker::Current()->index() == parent) here.fetch_add(1);
  co_return;
}
Task<void> Few(TestRuntime& runtime, std::atomic<int>& here) {
  TaskGroup group(runtime.handle());
  for (int i = 0; i < 3; ++i) group.Spawn(CountHere(Worker::Current()->index(), here));
  co_await group.Join();
}
TEST(StealPolicyTest, OverdueLeavesAFewTasksWhereTheyAre) {
  TestRuntime runtime(2, With(StealPolicy::kOverdue));
  std::atomic<int> here{0};
  runtime.Run(Few(runtime, here));
  EXPECT_EQ(here.load(), 3);
  for (const uint32_t i : {0u, 1u}) {
    EXPECT_EQ(runtime.worker(i)->counters().stolen.load(), 0u);
    EXPECT_EQ(runtime.worker(i)->counters().wakes.load(), 0u);
  }
}

// What has run and what is new wait for each other no longer than one turn.
Task<void> Spin(std::vector<int>& order, int id, const bool& over) {
  while (!over) {
    order.push_back(id);
    co_await Yield();
  }
}
Task<void> Note(std::vector<int>& order) {
  order.push_back(-1);
  co_return;
}
TEST(StealPolicyTest, EagerNewTasksTakeTurnsWithThoseThatHaveRun) {
  // One worker of two, driven by hand: the other never runs.
  MonotonicClock clock;
  Shared shared(2);
  for (int i = 0; i < 2; ++i) {
    Worker& worker = shared.AddWorker(clock, With(StealPolicy::kEager));
    ASSERT_TRUE(worker.Start(NullReactor::Factory()).ok());
  }
  Worker& worker = *shared.workers()[0];
  worker.Enter();
  std::vector<int> order;
  bool over = false;
  const RuntimeHandle runtime(shared);
  for (int i = 0; i < 4; ++i) SpawnOn(runtime, nullptr, Spin(order, i, over)).Detach();
  for (int i = 0; i < 40; ++i) EXPECT_TRUE(worker.Step());
  order.clear();
  for (int i = 0; i < 20; ++i) SpawnOn(runtime, nullptr, Note(order)).Detach();
  for (int i = 0; i < 60; ++i) EXPECT_TRUE(worker.Step());
  EXPECT_EQ(std::count(order.begin(), order.begin() + 44, -1), 20);
  for (int id = 0; id < 4; ++id) {
    EXPECT_GE(std::count(order.begin(), order.begin() + 44, id), 4) << id;
  }
  over = true;
  while (worker.Step()) {
  }
  EXPECT_EQ(shared.live_tasks(), 0u);
  Worker::LeaveCurrent();
}

}  // namespace
}  // namespace sluice::core::testing
