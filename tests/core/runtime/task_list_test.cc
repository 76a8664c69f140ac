// ListTasks: what is said of tasks that run, wait, are ready, hold a lock and wait for one; while
// others spawn, end and look. On both backends.
#include "core/runtime/task_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/synchronization/notification.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/runtime/spawn_local.h"
#include "core/sync/event.h"
#include "core/sync/holders.h"
#include "core/sync/mutex.h"
#include "core/task/join.h"
#include "core/task/task.h"
#include "core/task/yield.h"
#include "core/time/sleep.h"
#include "tests/core/support/backends.h"

namespace sluice::core {
namespace {

using testing::BackendTest;

const TaskInfo* Find(const TaskList& list, std::string_view name) {
  const auto found = std::ranges::find(list.tasks, name, &TaskInfo::name);
  return found == list.tasks.end() ? nullptr : &*found;
}

class TaskListTest : public BackendTest {
 protected:
  static RuntimeOptions Watching(WatchOptions watch = {}) {
    RuntimeOptions options = Options();
    options.watch = std::move(watch);
    options.watch.tasks = true;
    return options;
  }

  // Lists again and again until `is_so`; at the latest the fixture's alarm ends it.
  static TaskList Until(Runtime& runtime, const std::function<bool(const TaskList&)>& is_so) {
    for (;;) {
      std::optional<TaskList> list = ListTasks(runtime.handle());
      if (is_so(*list)) return *std::move(list);
      std::this_thread::yield();
    }
  }
  static TaskInfo UntilIs(Runtime& runtime, std::string_view name, TaskState state,
                          uint64_t polls = 0) {
    const TaskList list = Until(runtime, [&](const TaskList& each) {
      const TaskInfo* const task = Find(each, name);
      return task != nullptr && task->state == state && task->polls >= polls;
    });
    return *Find(list, name);
  }
};

Task<void> WaitsFor(Event& event) { (void)co_await event.Wait(); }

TEST_P(TaskListTest, ThereIsNoneWhereNothingIsWatched) {
  Runtime runtime(Options());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  EXPECT_FALSE(ListTasks(runtime.handle()).has_value());
}

TEST_P(TaskListTest, SaysWhoWhereAndWhatFor) {
  Event event;
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  const uint32_t line = __LINE__ + 1;
  JoinHandle<void> handle = runtime.handle().Spawn(WaitsFor(event), {"waits"});
  const TaskInfo task = UntilIs(runtime, "waits", TaskState::kWaiting);
  EXPECT_GT(task.id, 0u);
  EXPECT_EQ(task.parent, 0u);
  EXPECT_TRUE(absl::EndsWith(task.file, "task_list_test.cc")) << task.file;
  EXPECT_EQ(task.line, line);
  EXPECT_TRUE(absl::StrContains(task.function, "SaysWhoWhereAndWhatFor")) << task.function;
  EXPECT_EQ(task.waits_for, std::vector<std::string>{"Event"});
  EXPECT_NE(task.resource, 0u);
  EXPECT_EQ(task.polls, 1u);
  EXPECT_EQ(task.wakes, 0u);
  EXPECT_EQ(task.woken_by, kWokenByNothing);
  EXPECT_GT(task.busy, 0ns);
  EXPECT_EQ(task.busy, task.longest_poll);
  EXPECT_GE(task.age, task.busy + task.queued);
  event.Set();
  (void)runtime.BlockOn(std::move(handle));
  Until(runtime, [](const TaskList& list) { return list.tasks.empty(); });
}

TEST_P(TaskListTest, CallablesAreKnownByWhereTheyWereWritten) {
  Event event;
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  const uint32_t line = __LINE__ + 1;
  auto lambda = [&event]() -> Task<void> { (void)co_await event.Wait(); };
  JoinHandle<void> handle = runtime.handle().Spawn(lambda);
  JoinHandle<void> pinned = runtime.handle().SpawnPinned(0, lambda);
  const TaskList list = Until(runtime, [](const TaskList& each) {
    return each.tasks.size() == 2 && std::ranges::all_of(each.tasks, [](const TaskInfo& task) {
             return task.state == TaskState::kWaiting;
           });
  });
  for (const TaskInfo& task : list.tasks) {
    EXPECT_TRUE(absl::EndsWith(task.file, "task_list_test.cc")) << task.file;
    EXPECT_EQ(task.line, line);
    EXPECT_EQ(task.polls, 1u);
  }
  event.Set();
  (void)runtime.BlockOn(std::move(handle));
  (void)runtime.BlockOn(std::move(pinned));
}

// It waits four times, and is woken by a thread twice and by a timer.
TEST_P(TaskListTest, SaysWhatWokeATask) {
  Event first;
  Event second;
  Event last;
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  const auto waits = [&]() -> Task<void> {
    (void)co_await first.Wait();
    (void)co_await second.Wait();
    co_await Sleep(1ms);
    (void)co_await last.Wait();
  };
  JoinHandle<void> handle = runtime.handle().Spawn(CoInvoke(waits), {"waits"});
  UntilIs(runtime, "waits", TaskState::kWaiting, 1);
  first.Set();
  EXPECT_EQ(UntilIs(runtime, "waits", TaskState::kWaiting, 2).woken_by, kWokenOutside);
  second.Set();
  const TaskInfo slept = UntilIs(runtime, "waits", TaskState::kWaiting, 4);
  EXPECT_EQ(slept.woken_by, kWokenByReactor);
  EXPECT_EQ(slept.wakes, 3u);
  EXPECT_GE(slept.idle, 1ms);
  last.Set();
  (void)runtime.BlockOn(std::move(handle));
}

TEST_P(TaskListTest, ATaskIsNamedThatWokeAnother) {
  Event event;
  Event may_end;
  Event may_end_too;
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  const auto waits = [&]() -> Task<void> {
    (void)co_await event.Wait();
    (void)co_await may_end.Wait();
  };
  const auto wakes = [&]() -> Task<void> {
    event.Set();
    JoinHandle<void> child = Spawn(WaitsFor(may_end_too), {"child"});
    (void)co_await may_end.Wait();
    (void)co_await std::move(child);
  };
  JoinHandle<void> waiter = runtime.handle().Spawn(CoInvoke(waits), {"waits"});
  UntilIs(runtime, "waits", TaskState::kWaiting);
  JoinHandle<void> waker = runtime.handle().Spawn(CoInvoke(wakes), {"wakes"});
  const uint64_t id = UntilIs(runtime, "wakes", TaskState::kWaiting).id;
  EXPECT_EQ(UntilIs(runtime, "waits", TaskState::kWaiting, 2).woken_by, id);
  EXPECT_EQ(UntilIs(runtime, "child", TaskState::kWaiting).parent, id);
  may_end.Set();
  may_end_too.Set();
  (void)runtime.BlockOn(std::move(waiter));
  (void)runtime.BlockOn(std::move(waker));
}

TEST_P(TaskListTest, BehindAJoinAreTheWaitsOfItsBranches) {
  Event event;
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  const auto waits = [&]() -> Task<void> { co_await Join(WaitsFor(event), Sleep(1h)); };
  JoinHandle<void> handle = runtime.handle().Spawn(CoInvoke(waits), {"waits"});
  const TaskInfo task = UntilIs(runtime, "waits", TaskState::kWaiting);
  ASSERT_EQ(task.waits_for.size(), 3u);
  EXPECT_EQ(task.waits_for[0], "Join");
  EXPECT_EQ(task.waits_for[1], "Event");
  EXPECT_TRUE(absl::StrContains(task.waits_for[2], "Sleep")) << task.waits_for[2];
  event.Set();
  handle.Abort();
  (void)runtime.BlockOn(std::move(handle));
}

struct Accounts {
  int sum = 0;
};

TEST_P(TaskListTest, WhichMutex200WaitForAndWhoHoldsIt) {
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  {
    Mutex<Accounts> accounts;
    Mutex<int> other(0);
    Event may_end;
    NameResource(&accounts, "accounts");
    const auto holds = [&]() -> Task<void> {
      auto guard = co_await accounts.Lock();
      auto guard_too = co_await other.Lock();
      (void)co_await may_end.Wait();
    };
    const auto waits = [&]() -> Task<void> {
      auto guard = co_await accounts.Lock();
      ++(*guard)->sum;
    };
    std::vector<JoinHandle<void>> handles;
    handles.push_back(runtime.handle().Spawn(CoInvoke(holds), {"holder"}));
    const uint64_t holder = UntilIs(runtime, "holder", TaskState::kWaiting).id;
    for (int i = 0; i < 200; ++i) handles.push_back(runtime.handle().Spawn(waits));
    const TaskList list = Until(runtime, [](const TaskList& each) {
      return !each.resources.empty() && each.resources[0].waiting == 200;
    });
    const ResourceInfo& most = list.resources[0];
    EXPECT_EQ(most.kind, "LockAwaiter<Accounts>");
    EXPECT_EQ(most.name, "accounts");
    EXPECT_EQ(most.address, reinterpret_cast<uintptr_t>(&accounts));
    ASSERT_EQ(most.holders.size(), 1u);
    EXPECT_EQ(most.holders[0].task, holder);
    EXPECT_EQ(most.holders[0].count, 1u);
    may_end.Set();
    for (JoinHandle<void>& each : handles) (void)runtime.BlockOn(std::move(each));
    const TaskList after = *ListTasks(runtime.handle());
    for (const ResourceInfo& each : after.resources) EXPECT_TRUE(each.holders.empty());
  }
  // Their names have gone with them.
  EXPECT_TRUE(ListTasks(runtime.handle())->resources.empty());
}

// A task that keeps its worker busy is seen while it does, and told of when it gives way.
TEST_P(TaskListTest, TheTaskThatBlocksItsWorker) {
  std::atomic<bool> may_end = false;
  absl::Notification told;
  SlowPoll slow;
  Runtime runtime(Watching({.slow_poll = 5ms, .on_slow_poll = [&](const SlowPoll& poll) {
                              slow = poll;
                              told.Notify();
                            }}));
  ASSERT_TRUE(runtime.StartInBackground().ok());
  const auto blocks = [&]() -> Task<void> {
    while (!may_end) std::this_thread::yield();
    co_return;
  };
  const uint32_t line = __LINE__ + 1;
  JoinHandle<void> handle = runtime.handle().Spawn(CoInvoke(blocks), {"blocks"});
  const TaskList list = Until(runtime, [](const TaskList& each) {
    const TaskInfo* const task = Find(each, "blocks");
    return task != nullptr && task->state == TaskState::kRunning && task->in_state > 20ms;
  });
  const TaskInfo task = *Find(list, "blocks");
  EXPECT_EQ(task.busy, 0ns);  // of runs that have ended
  EXPECT_EQ(list.slow_polls, 0u);
  may_end = true;
  (void)runtime.BlockOn(std::move(handle));
  told.WaitForNotification();
  EXPECT_EQ(slow.task, task.id);
  EXPECT_EQ(slow.name, "blocks");
  EXPECT_EQ(slow.line, line);
  EXPECT_EQ(slow.worker, task.worker);
  EXPECT_GT(slow.took, 20ms);
  const std::string sentence = Sentence(slow);
  EXPECT_TRUE(absl::StrContains(sentence, "(blocks, task_list_test.cc:")) << sentence;
  EXPECT_EQ(ListTasks(runtime.handle())->slow_polls, 1u);
}

TEST_P(TaskListTest, HowLongRunsTake) {
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  constexpr uint64_t kTurns = 100;
  const auto turns = []() -> Task<void> {
    for (uint64_t i = 0; i < kTurns; ++i) co_await Yield();
  };
  const auto spins = []() -> Task<void> {
    const auto end = std::chrono::steady_clock::now() + 3ms;
    while (std::chrono::steady_clock::now() < end) continue;
    co_return;
  };
  runtime.BlockOn(CoInvoke(turns));
  runtime.BlockOn(CoInvoke(spins));
  const PollTimes times = ListTasks(runtime.handle())->poll_times;
  const auto sum = std::accumulate(times.counts.begin(), times.counts.end(), uint64_t{0});
  EXPECT_GE(sum, kTurns + 2);
  const auto long_ones =
      std::accumulate(times.counts.begin() + static_cast<ptrdiff_t>(PollTimes::BucketOf(3ms)),
                      times.counts.end(), uint64_t{0});
  EXPECT_GE(long_ones, 1u);
  EXPECT_EQ(PollTimes::BucketOf(999ns), 0u);
  EXPECT_EQ(PollTimes::BucketOf(1us), 1u);
  EXPECT_EQ(PollTimes::BucketOf(3ms), 12u);  // 2.048 ms to 4.096 ms
  EXPECT_EQ(PollTimes::BucketOf(24h), PollTimes::kBuckets - 1);
}

TEST_P(TaskListTest, WhatHasEndedIsNotListed) {
  Runtime runtime(Watching());
  JoinHandle<void> never = runtime.handle().Spawn([]() -> Task<void> { co_return; });
  never.Abort();
  ASSERT_TRUE(runtime.StartInBackground().ok());
  EXPECT_TRUE(runtime.BlockOn(std::move(never)).cancelled());
  const auto main = []() -> Task<void> {
    JoinHandle<void> local = SpawnLocal([]() -> Task<void> { co_await Sleep(1h); });
    co_await Yield();
    local.Abort();
    (void)co_await std::move(local);
  };
  runtime.BlockOn(CoInvoke(main));
  Until(runtime, [](const TaskList& list) { return list.tasks.empty(); });
}

TEST_P(TaskListTest, NoMoreAreWatchedThanMayBe) {
  Event event;
  Runtime runtime(Watching({.most_tasks = 65}));
  ASSERT_TRUE(runtime.StartInBackground().ok());
  std::vector<JoinHandle<void>> handles;
  for (int i = 0; i < 100; ++i) handles.push_back(runtime.handle().Spawn(WaitsFor(event)));
  const TaskList list = *ListTasks(runtime.handle());
  EXPECT_EQ(list.tasks.size(), 65u);
  EXPECT_EQ(list.unwatched, 35u);
  event.Set();
  for (JoinHandle<void>& each : handles) (void)runtime.BlockOn(std::move(each));
  // Their records serve others.
  const uint64_t unwatched = ListTasks(runtime.handle())->unwatched;
  for (int i = 0; i < 100; ++i) runtime.BlockOn(WaitsFor(event));
  EXPECT_EQ(ListTasks(runtime.handle())->unwatched, unwatched);
}

Task<void> Short(int turns) {
  for (int i = 0; i < turns; ++i) co_await Yield();
}
Task<void> SpawnsMany(int count) {
  for (int i = 0; i < count; ++i) {
    JoinHandle<void> odd = Spawn(Short(1), {"odd"});
    JoinHandle<void> even = Spawn(Short(2), {"an even one, which has a longer name"});
    (void)co_await std::move(odd);
    (void)co_await std::move(even);
  }
}

// What is listed is of one task, though its record may be another one's a moment later.
TEST_P(TaskListTest, WhatIsListedFitsTogether) {
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  std::atomic<bool> over = false;
  std::atomic<uint64_t> seen = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      uint32_t odd_line = 0;
      uint32_t even_line = 0;
      while (!over) {
        uint64_t last = 0;
        const TaskList list = *ListTasks(runtime.handle());
        for (const TaskInfo& task : list.tasks) {
          EXPECT_GT(task.id, last);
          last = task.id;
          if (task.name.empty() || task.name == "main") continue;
          const bool is_odd = task.name == "odd";
          if (!is_odd) EXPECT_EQ(task.name, "an even one, which has a longer ");
          uint32_t& line = is_odd ? odd_line : even_line;
          if (line == 0) line = task.line;
          EXPECT_EQ(task.line, line);
          EXPECT_GE(task.age, 0ns);
          ++seen;
        }
        if (odd_line != 0) EXPECT_NE(odd_line, even_line);
      }
    });
  }
  std::vector<JoinHandle<void>> handles;
  for (int i = 0; i < 4; ++i) handles.push_back(runtime.handle().Spawn(SpawnsMany(500)));
  for (JoinHandle<void>& each : handles) (void)runtime.BlockOn(std::move(each));
  while (seen == 0) {
    JoinHandle<void> more = runtime.handle().Spawn(SpawnsMany(50));
    (void)runtime.BlockOn(std::move(more));
  }
  over = true;
  for (std::thread& each : readers) each.join();
}

SLUICE_ON_EVERY_BACKEND(TaskListTest);

TEST(ShortTypeNameTest, LeavesOutWhatSaysNothing) {
  EXPECT_EQ(ShortTypeName(typeid(Event::Awaiter).name()), "Event");
  EXPECT_EQ(ShortTypeName(typeid(Accounts).name()), "Accounts");
  EXPECT_EQ(ShortTypeName(typeid(LockAwaiter<std::string>).name()), "LockAwaiter<string>");
  EXPECT_EQ(ShortTypeName("no type"), "no type");
}

}  // namespace
}  // namespace sluice::core
