// TaskQuery: the order of tasks, which ones fit a name, and what a request may say.
#include "core/runtime/task_query.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice::core {
namespace {

using IdList = std::vector<uint64_t>;

TaskInfo InState(uint64_t id, TaskState state, Duration in_state) {
  TaskInfo task;
  task.id = id;
  task.state = state;
  task.in_state = in_state;
  return task;
}

IdList Sorted(TaskOrder order, bool reversed = false) {
  std::vector<TaskInfo> tasks = {
      InState(1, TaskState::kWaiting, 5s), InState(2, TaskState::kRunning, 2s),
      InState(3, TaskState::kReady, 1ms), InState(4, TaskState::kWaiting, 6s)};
  tasks[0].busy = 1s;
  tasks[0].polls = 7;
  tasks[0].wakes = 2;
  tasks[1].age = 1h;
  tasks[1].queued = 1us;
  tasks[2].longest_poll = 1900ms;
  tasks[3].wakes = 6;
  tasks[3].queued = 3us;
  const TaskQuery query = {.order = order, .reversed = reversed};
  std::ranges::sort(
      tasks, [&query](const TaskInfo& a, const TaskInfo& b) { return query.IsBefore(a, b); });
  IdList ids;
  for (const TaskInfo& task : tasks) ids.push_back(task.id);
  return ids;
}

TEST(TaskQueryTest, Orders) {
  EXPECT_EQ(Sorted(TaskOrder::kId), (IdList{1, 2, 3, 4}));
  EXPECT_EQ(Sorted(TaskOrder::kId, true), (IdList{4, 3, 2, 1}));
  EXPECT_EQ(Sorted(TaskOrder::kState), (IdList{2, 3, 4, 1}));
  // The run that is under way counts.
  EXPECT_EQ(Sorted(TaskOrder::kBusy), (IdList{2, 1, 3, 4}));
  EXPECT_EQ(Sorted(TaskOrder::kLongest), (IdList{2, 3, 1, 4}));
  EXPECT_EQ(Sorted(TaskOrder::kPolls), (IdList{1, 2, 3, 4}));
  EXPECT_EQ(Sorted(TaskOrder::kWakes), (IdList{4, 1, 2, 3}));
  EXPECT_EQ(Sorted(TaskOrder::kQueued), (IdList{4, 2, 1, 3}));
  EXPECT_EQ(Sorted(TaskOrder::kAge), (IdList{2, 1, 3, 4}));
}

// As in "session" or "main.cc:102".
TEST(TaskQueryTest, ANameOrAPlace) {
  const auto fits = [](std::string_view wanted) {
    return TaskQuery{.name = std::string(wanted)}.Fits("session", "src/a:b/main.cc", 102);
  };
  for (const std::string_view wanted :
       {"", "session", "ess", "main.cc", "a:b", "main.cc:102", "main.cc:", "cc:10", ":102", "102",
        "02", "src/a:b/main.cc:102", "a:b/main.cc:1"}) {
    EXPECT_TRUE(fits(wanted)) << wanted;
  }
  for (const std::string_view wanted :
       {"sessions", "main.cc:2", "main.cc:1022", "main:102", "a:102", "session:102", "103"}) {
    EXPECT_FALSE(fits(wanted)) << wanted;
  }
}

TEST(TaskQueryTest, Parameters) {
  TaskQuery query;
  EXPECT_TRUE(query.Set("order", "longest").ok());
  EXPECT_EQ(query.order, TaskOrder::kLongest);
  EXPECT_TRUE(query.Set("limit", "20").ok());
  EXPECT_EQ(query.limit, 20u);
  EXPECT_TRUE(query.Set("reversed", "true").ok());
  EXPECT_TRUE(query.reversed);
  EXPECT_EQ(query.Set("order", "size").message(),
            "order is one of id, age, busy, queued, longest, polls, wakes, state");
  EXPECT_EQ(query.Set("limit", "-1").message(), "limit is a number from 0 to 100000");
  EXPECT_EQ(query.Set("limit", "100001").message(), "limit is a number from 0 to 100000");
  EXPECT_EQ(query.Set("reversed", "yes").message(), "reversed is true or false");
  EXPECT_EQ(query.Set("sort", "x").message(),
            "there is no parameter sort; there are name, order, reversed and limit");
}

}  // namespace
}  // namespace sluice::core
