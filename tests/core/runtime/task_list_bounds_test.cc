// ListTasks with a query: what is beyond its limit is counted and costs no memory; and the parts of
// a list that are about several waits, or about a task that has ended but for what it was given.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "core/combine/join_all.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/runtime/task_list.h"
#include "core/runtime/task_query.h"
#include "core/sync/event.h"
#include "core/sync/holders.h"
#include "core/sync/mutex.h"
#include "core/task/co_invoke.h"
#include "core/task/join.h"
#include "core/task/task.h"
#include "core/time/sleep.h"
#include "tests/core/support/backends.h"
#include "tests/core/support/counted_new.h"

namespace sluice::core {
namespace {

using testing::BackendTest;

class TaskListBoundsTest : public BackendTest {
 protected:
  static RuntimeOptions Watching(WatchOptions watch = {}) {
    RuntimeOptions options = Options();
    options.watch = std::move(watch);
    options.watch.tasks = true;
    return options;
  }
  // Lists until all of `count` tasks wait; at the latest the fixture's alarm ends it.
  static TaskList UntilAllWait(Runtime& runtime, size_t count) {
    for (;;) {
      TaskList list = *ListTasks(runtime.handle());
      const auto waiting = std::ranges::count(list.tasks, TaskState::kWaiting, &TaskInfo::state);
      if (list.tasks.size() == count && waiting == static_cast<int64_t>(count)) return list;
      std::this_thread::yield();
    }
  }
};

Task<void> WaitsFor(Event& event) { (void)co_await event.Wait(); }

TEST_P(TaskListBoundsTest, ATaskThatNeverRanKeptNoWorker) {
  int told = 0;
  {
    Event event;
    Runtime runtime(Watching({.slow_poll = 1ms, .on_slow_poll = [&](const SlowPoll&) { ++told; }}));
    JoinHandle<void> handle = runtime.handle().Spawn(WaitsFor(event));
    const auto begin = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - begin < 3ms) std::this_thread::yield();
  }
  EXPECT_EQ(told, 0);
}

TEST_P(TaskListBoundsTest, WhatATaskWaitedForIsNotToldWhileItRuns) {
  Event event;
  std::atomic<bool> may_end = false;
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  const auto runs = [&]() -> Task<void> {
    (void)co_await event.Wait();
    while (!may_end) std::this_thread::yield();
  };
  JoinHandle<void> handle = runtime.handle().Spawn(CoInvoke(runs));
  EXPECT_NE(UntilAllWait(runtime, 1).tasks[0].resource, 0u);
  event.Set();
  TaskInfo task;
  while (task.state != TaskState::kRunning) task = ListTasks(runtime.handle())->tasks.at(0);
  EXPECT_TRUE(task.waits_for.empty());
  EXPECT_EQ(task.resource, 0u);
  may_end = true;
  (void)runtime.BlockOn(std::move(handle));
}

TEST_P(TaskListBoundsTest, ALimitAnOrderAndAName) {
  Event event;
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  std::vector<JoinHandle<void>> handles;
  for (int i = 0; i < 200; ++i) {
    const std::string name = absl::StrCat(i % 2 == 0 ? "even" : "odd");
    handles.push_back(runtime.handle().Spawn(WaitsFor(event), {name}));
  }
  const TaskList all = UntilAllWait(runtime, 200);
  EXPECT_EQ(all.tasks_total, 200u);
  TaskList list = *ListTasks(runtime.handle(), {.limit = 3});
  EXPECT_EQ(list.tasks_total, 200u);
  ASSERT_EQ(list.tasks.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(list.tasks[i].id, all.tasks[i].id);
    EXPECT_EQ(list.tasks[i].name, all.tasks[i].name);
    EXPECT_EQ(list.tasks[i].line, all.tasks[i].line);
    EXPECT_EQ(list.tasks[i].waits_for, std::vector<std::string>{"Event"});
  }
  list = *ListTasks(runtime.handle(), {.limit = 2, .reversed = true, .name = "odd"});
  EXPECT_EQ(list.tasks_total, 100u);
  ASSERT_EQ(list.tasks.size(), 2u);
  EXPECT_EQ(list.tasks[0].id, all.tasks[199].id);
  EXPECT_EQ(list.tasks[1].id, all.tasks[197].id);
  // What the others wait for counts all the same.
  ASSERT_EQ(list.resources.size(), 1u);
  EXPECT_EQ(list.resources[0].waiting, 200u);
  list = *ListTasks(runtime.handle(), {.limit = 0});
  EXPECT_EQ(list.tasks.size() + list.resources.size(), 0u);
  EXPECT_EQ(list.tasks_total, 200u);
  EXPECT_EQ(list.resources_total, 1u);
  event.Set();
  for (JoinHandle<void>& each : handles) (void)runtime.BlockOn(std::move(each));
}

// Of 10,000 tasks 1 is asked for.
TEST_P(TaskListBoundsTest, WhatIsBeyondTheLimitCostsNoMemory) {
  if (!testing::kCountsAllocations) GTEST_SKIP() << "nothing is counted here";
  constexpr size_t kTasks = 10'000;
  Event event;
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  std::vector<JoinHandle<void>> handles;
  for (size_t i = 0; i < kTasks; ++i) {
    handles.push_back(
        runtime.handle().Spawn(WaitsFor(event), {"a name that is too long to lie in a string"}));
  }
  UntilAllWait(runtime, kTasks);
  const TaskQuery query = {.limit = 1, .order = TaskOrder::kState};
  (void)ListTasks(runtime.handle(), query);  // what is made once
  const int64_t before = testing::allocations.made;
  const TaskList list = *ListTasks(runtime.handle(), query);
  EXPECT_LT(testing::allocations.made - before, 300);
  EXPECT_EQ(list.tasks.size(), 1u);
  EXPECT_EQ(list.tasks_total, kTasks);
  event.Set();
  for (JoinHandle<void>& each : handles) (void)runtime.BlockOn(std::move(each));
}

TEST_P(TaskListBoundsTest, ResourcesHaveTheSameLimit) {
  constexpr size_t kMutexes = 300;
  Event may_end;
  std::vector<std::unique_ptr<Mutex<int>>> mutexes;
  for (size_t i = 0; i < kMutexes; ++i) mutexes.push_back(std::make_unique<Mutex<int>>(0));
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  NameResource(mutexes[7].get(), "the seventh");
  const auto holds = [&may_end](Mutex<int>& mutex) -> Task<void> {
    auto guard = co_await mutex.Lock();
    (void)co_await may_end.Wait();
  };
  const auto waits = [](Mutex<int>& mutex) -> Task<void> { auto guard = co_await mutex.Lock(); };
  std::vector<JoinHandle<void>> handles;
  for (size_t i = 0; i < kMutexes; ++i) {
    handles.push_back(runtime.handle().Spawn(CoInvoke(holds, std::ref(*mutexes[i])), {"holder"}));
  }
  UntilAllWait(runtime, kMutexes);
  for (const size_t i : {7u, 7u, 7u, 50u, 50u}) {
    handles.push_back(runtime.handle().Spawn(CoInvoke(waits, std::ref(*mutexes[i])), {"waiter"}));
  }
  UntilAllWait(runtime, kMutexes + 5);
  const TaskList list = *ListTasks(runtime.handle(), {.limit = 3});
  ASSERT_EQ(list.resources.size(), 3u);
  EXPECT_EQ(list.resources_total, kMutexes + 1);  // and the event
  EXPECT_EQ(list.resources[0].waiting, kMutexes);
  EXPECT_EQ(list.resources[0].kind, "Event");
  EXPECT_EQ(list.resources[1].waiting, 3u);
  EXPECT_EQ(list.resources[1].name, "the seventh");
  EXPECT_EQ(list.resources[1].kind, "LockAwaiter<int>");
  ASSERT_EQ(list.resources[1].holders.size(), 1u);
  // It is named though it is not among the tasks.
  EXPECT_EQ(list.resources[1].holders[0].name, "holder");
  EXPECT_EQ(list.resources[2].waiting, 2u);
  may_end.Set();
  for (JoinHandle<void>& each : handles) (void)runtime.BlockOn(std::move(each));
}

// Of several branches the one says of which kind a resource is that waits for it.
TEST_P(TaskListBoundsTest, AResourceIsOfTheKindOfItsOwnWait) {
  Mutex<int> mutex(0);
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  {
    auto held = mutex.TryLock();
    const auto locks = [&]() -> Task<void> { auto guard = co_await mutex.Lock(); };
    const auto waits = [&]() -> Task<void> {
      co_await Join(Sleep(1h), CoInvoke(locks), Sleep(2h));
    };
    JoinHandle<void> handle = runtime.handle().Spawn(CoInvoke(waits), {"waits"});
    const TaskList list = UntilAllWait(runtime, 1);
    EXPECT_EQ(list.tasks[0].waits_for.size(), 4u);
    ASSERT_EQ(list.resources.size(), 1u);
    EXPECT_EQ(list.resources[0].kind, "LockAwaiter<int>");
    EXPECT_EQ(list.resources[0].address, reinterpret_cast<uintptr_t>(&mutex));
    handle.Abort();
    (void)runtime.BlockOn(std::move(handle));
  }
}

TEST_P(TaskListBoundsTest, BehindAJoinAllIsTheFirstThatHasNotEnded) {
  Event first;
  Event second;
  first.Set();
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  const auto waits = [&]() -> Task<void> {
    std::vector<Task<void>> parts;
    parts.push_back(WaitsFor(first));
    parts.push_back(WaitsFor(second));
    (void)co_await JoinAll(std::move(parts));
  };
  JoinHandle<void> handle = runtime.handle().Spawn(CoInvoke(waits), {"waits"});
  const TaskList list = UntilAllWait(runtime, 1);
  EXPECT_EQ(list.tasks[0].waits_for, (std::vector<std::string>{"JoinAll", "Event"}));
  EXPECT_NE(list.tasks[0].resource, 0u);
  second.Set();
  (void)runtime.BlockOn(std::move(handle));
}

struct EndsLate {
  explicit EndsLate(std::atomic<bool>& may_end) : may_end_(&may_end) {}
  EndsLate(EndsLate&& other) noexcept : may_end_(std::exchange(other.may_end_, nullptr)) {}
  ~EndsLate() {
    while (may_end_ != nullptr && !*may_end_) std::this_thread::yield();
  }
  std::atomic<bool>* may_end_;
};
Task<void> Has(EndsLate thing, Event& may_end) {
  (void)thing;
  (void)co_await may_end.Wait();
}

// What a task was given goes when its code has ended: it keeps its worker as much as that did.
TEST_P(TaskListBoundsTest, ATaskThatBlocksInItsDestructionIsSeenAndTold) {
  std::atomic<bool> may_end = false;
  std::atomic<uint64_t> told = 0;
  Event is_let_go;
  Runtime runtime(Watching({.slow_poll = 5ms, .on_slow_poll = [&](const SlowPoll& poll) {
                              EXPECT_EQ(poll.name, "ends late");
                              EXPECT_GT(poll.took, 15ms);
                              told = poll.task;
                            }}));
  ASSERT_TRUE(runtime.StartInBackground().ok());
  {
    JoinHandle<void> let_go =
        runtime.handle().Spawn(Has(EndsLate(may_end), is_let_go), {"ends late"});
  }
  is_let_go.Set();  // so what it was given goes with the task, on the worker
  TaskList list;
  do {
    std::this_thread::yield();
    list = *ListTasks(runtime.handle());
  } while (list.tasks.size() != 1 || list.tasks[0].state != TaskState::kRunning ||
           list.tasks[0].in_state < 20ms);
  EXPECT_EQ(list.tasks[0].name, "ends late");
  EXPECT_LE(list.tasks[0].polls, 2u);
  EXPECT_EQ(told, 0u);
  may_end = true;
  while (told == 0 || !ListTasks(runtime.handle())->tasks.empty()) std::this_thread::yield();
  EXPECT_EQ(told, list.tasks[0].id);
}

SLUICE_ON_EVERY_BACKEND(TaskListBoundsTest);

}  // namespace
}  // namespace sluice::core
