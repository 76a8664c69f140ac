// Spawn, JoinHandle and TaskGroup.

#include "core/runtime/spawn.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "core/runtime/task_group.h"
#include "tests/core/support/gate.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

Task<int> Number(int value) { co_return value; }
Task<std::unique_ptr<int>> BoxedLater(int value) {
  co_await Yield();
  co_return std::make_unique<int>(value);
}
Task<void> Increase(int& number) {
  ++number;
  co_return;
}

Task<void> ResultsMain() {
  EXPECT_EQ((co_await Spawn(Number(4))).value(), 4);
  EXPECT_EQ(*(co_await Spawn(BoxedLater(5))).value(), 5);
  int number = 0;
  (co_await Spawn(Increase(number))).value();
  EXPECT_EQ(number, 1);

  JoinHandle<int> early = Spawn(Number(6));
  while (!early.finished()) co_await Yield();
  EXPECT_EQ((co_await std::move(early)).value(), 6);

  JoinHandle<int> late = Spawn(Number(7));  // not begun yet
  EXPECT_FALSE(late.finished());
  EXPECT_EQ((co_await std::move(late)).value(), 7);
}
TEST(SpawnTest, HandlesBringResults) { TestRuntime(1).Run(ResultsMain()); }

// One that counts how many frames hold it.
struct Held {
  explicit Held(int& count) : count(&count) { ++count; }
  Held(Held&& other) noexcept : count(std::exchange(other.count, nullptr)) {}
  ~Held() {
    if (count != nullptr) --*count;
  }
  int* count;
};
Root<std::unique_ptr<int>> RootOf(int value, Held) {
  co_await Yield();
  co_return std::make_unique<int>(value);
}
Root<void> RootThatIncreases(int& number) {
  const Context context = co_await CurrentContext();
  EXPECT_FALSE(context.scope->cancelled());
  number = *(co_await Spawn(BoxedLater(number + 1))).value();
}
Task<void> RootsMain(TestRuntime& runtime) {
  int held = 0;
  {
    Root<std::unique_ptr<int>> never = RootOf(1, Held(held));
    Root<std::unique_ptr<int>> task = std::move(never);
    EXPECT_EQ(held, 1);
    EXPECT_EQ(*(co_await SpawnOn(runtime.handle(), nullptr, std::move(task))).value(), 1);
    EXPECT_EQ(held, 0);
    task = RootOf(2, Held(held));  // never spawned
    EXPECT_EQ(held, 1);
  }
  EXPECT_EQ(held, 0);
  int number = 1;
  TaskGroup group(runtime.handle());
  group.Spawn(RootThatIncreases(number));
  co_await group.Join();
  EXPECT_EQ(number, 2);
}
TEST(SpawnTest, ARootIsATaskOfItsOwn) {
  TestRuntime runtime(1);
  runtime.Run(RootsMain(runtime));
}

Task<void> Append(std::vector<int>& order, int number) {
  order.push_back(number);
  co_return;
}
Task<void> OrderMain(TestRuntime& runtime) {
  std::vector<int> order;
  TaskGroup group(runtime.handle());
  for (int i = 0; i < 20; ++i) group.Spawn(Append(order, i));
  co_await group.Join();
  EXPECT_EQ(order.size(), 20u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}
TEST(SpawnTest, WhatATaskSpawnsStartsInOrder) {
  TestRuntime runtime(1);
  runtime.Run(OrderMain(runtime));
}

// Counts the objects alive.
struct Tracked {
  explicit Tracked(std::atomic<int>& alive) : alive(&alive) { alive.fetch_add(1); }
  Tracked(Tracked&& other) noexcept : alive(other.alive) { alive->fetch_add(1); }
  Tracked& operator=(Tracked&&) = delete;
  ~Tracked() { alive->fetch_sub(1); }
  std::atomic<int>* alive;
};

Task<Tracked> MakeTracked(std::atomic<int>& alive, Gate& ended) {
  Tracked local(alive);
  co_await Yield();
  ended.Open();
  co_return std::move(local);
}

Task<void> DropMain() {
  std::atomic<int> alive{0};
  Gate first;
  {
    JoinHandle<Tracked> handle = Spawn(MakeTracked(alive, first));
    handle.Detach();
  }
  co_await first;
  Gate second;
  JoinHandle<Tracked> handle = Spawn(MakeTracked(alive, second));
  while (!handle.finished()) co_await Yield();
  EXPECT_GE(alive.load(), 1);  // the result waits for its reader
  {
    JoinHandle<Tracked> dropped = std::move(handle);
  }
  co_await Until([&alive] { return alive.load() == 0; });
}
TEST(SpawnTest, ADroppedHandleDropsTheResult) {
  TestRuntime(1).Run(DropMain());
  TestRuntime(2).Run(DropMain());
}

Task<void> Parent(std::atomic<int>& count, int children) {
  std::vector<JoinHandle<void>> handles;
  for (int i = 0; i < children; ++i) handles.push_back(Spawn(Parent(count, children / 3)));
  for (JoinHandle<void>& handle : handles) (co_await std::move(handle)).value();
  count.fetch_add(1);
}
Task<void> TreeMain() {
  std::atomic<int> count{0};
  (co_await Spawn(Parent(count, 30))).value();
  EXPECT_EQ(count.load(), 1 + 30 + 30 * 10 + 30 * 10 * 3 + 30 * 10 * 3 * 1);
}
TEST(SpawnTest, ATreeOfTasks) {
  TestRuntime(1).Run(TreeMain());
  TestRuntime(2).Run(TreeMain());
}

// A handle awaited on one worker while the task ends on the other.
Task<int> Elsewhere(int value, int yields) {
  for (; yields > 0; --yields) co_await Yield();
  co_return value;
}
Task<void> RaceMain(TestRuntime& runtime) {
  for (int i = 0; i < 20000; ++i) {
    JoinHandle<int> handle = SpawnOn(runtime.handle(), runtime.worker(1), Elsewhere(i, i % 3));
    for (int yields = i % 7; yields > 0; --yields) co_await Yield();
    if (i % 5 == 0) continue;  // dropped, perhaps just as it ends
    EXPECT_EQ((co_await std::move(handle)).value(), i);
  }
  // The dropped ones have ended when the last one on that worker has.
  (co_await SpawnOn(runtime.handle(), runtime.worker(1), Elsewhere(0, 8))).value();
}
TEST(SpawnTest, JoiningRacesWithEnding) {
  TestRuntime runtime(2);
  runtime.Run(RaceMain(runtime));
}

Task<void> Chain(TaskGroup& group, std::atomic<int>& count, int further) {
  count.fetch_add(1);
  if (further > 0) group.Spawn(Chain(group, count, further - 1));
  co_return;
}

Task<void> GroupMain(TestRuntime& runtime) {
  std::atomic<int> count{0};
  TaskGroup group(runtime.handle());
  for (int i = 0; i < 100; ++i) group.Spawn(Chain(group, count, 50));
  co_await group.Join();
  EXPECT_EQ(count.load(), 100 * 51);

  TaskGroup empty(runtime.handle());
  co_await empty.Join();
}
TEST(TaskGroupTest, JoinWaitsForThoseSpawnedMeanwhile) {
  for (uint32_t workers : {1u, 2u}) {
    TestRuntime runtime(workers);
    runtime.Run(GroupMain(runtime));
  }
}

Task<void> WriteSlot(int& slot, int value) {
  slot = value;
  co_return;
}
Task<void> VisibleMain(TestRuntime& runtime) {
  for (int round = 0; round < 500; ++round) {
    std::vector<int> slots(20, 0);  // plain: the sanitizer sees whether Join orders them
    TaskGroup group(runtime.handle());
    for (size_t i = 0; i < slots.size(); ++i) {
      group.Spawn(WriteSlot(slots[i], round + 1), runtime.worker(i % 2));
    }
    co_await group.Join();
    for (int slot : slots) EXPECT_EQ(slot, round + 1);
  }
}
TEST(TaskGroupTest, WhatTheTasksWroteIsSeenAfterJoin) {
  TestRuntime runtime(2);
  runtime.Run(VisibleMain(runtime));
}

// Plain threads spawn tasks and hand the handles to a task that joins them.
Task<void> OutsideMain(TestRuntime& runtime) {
  constexpr int kThreads = 3;
  constexpr int kTasks = 2000;
  std::deque<std::vector<JoinHandle<int>>> handles(kThreads);
  std::deque<Gate> gates(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&runtime, &mine = handles[t], &gate = gates[t]] {
      for (int i = 0; i < kTasks; ++i) {
        mine.push_back(SpawnOn(runtime.handle(), nullptr, Elsewhere(i, i % 2)));
      }
      gate.Open();
    });
  }
  for (int t = 0; t < kThreads; ++t) {
    co_await gates[t];
    for (int i = 0; i < kTasks; ++i) EXPECT_EQ((co_await std::move(handles[t][i])).value(), i);
  }
  for (std::thread& thread : threads) thread.join();
}
TEST(SpawnTest, FromOutsideThreads) {
  for (uint32_t workers : {1u, 2u}) {
    TestRuntime runtime(workers);
    runtime.Run(OutsideMain(runtime));
  }
}

}  // namespace
}  // namespace sluice::core::testing
