// The list of tasks as JSON: every key, what is wanted of it, and in which order.
#include "core/console/task_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/console/task_query.h"
#include "core/runtime/task_list.h"

namespace sluice::core {
namespace {

using nlohmann::json;

TaskInfo Named(uint64_t id, std::string name, TaskState state, Duration in_state) {
  TaskInfo task;
  task.id = id;
  task.name = std::move(name);
  task.file = "src/main.cc";
  task.line = static_cast<uint32_t>(100 + id);
  task.state = state;
  task.in_state = in_state;
  return task;
}

TaskList ThreeTasks() {
  TaskList list;
  list.tasks = {Named(1, "listener", TaskState::kWaiting, 5s),
                Named(2, "sum \"a\"\xff", TaskState::kRunning, 2s),
                Named(3, "session", TaskState::kReady, 1ms)};
  list.tasks[0].busy = 1s;
  list.tasks[0].polls = 7;
  list.tasks[0].woken_by = 2;
  list.tasks[0].waits_for = {"Join", "Event"};
  list.tasks[0].resource = 0xabc0;
  list.tasks[0].spans = {{.name = "fetch", .fields = R"({"try":2})", .open = 3ms}};
  list.tasks[1].woken_by = kWokenByReactor;
  list.tasks[2].woken_by = kWokenOutside;
  list.tasks[2].longest_poll = 1900ms;
  list.resources = {
      {.address = 0xabc0,
       .kind = "LockAwaiter<int>",
       .name = "accounts",
       .waiting = 200,
       .holders = {{.task = 2, .count = 1, .held = 1500us}, {.task = 0, .count = 3}}}};
  list.poll_times.counts[3] = 9;
  return list;
}

std::vector<uint64_t> Ids(const json& answer) {
  std::vector<uint64_t> ids;
  for (const json& task : answer["tasks"]) ids.push_back(task["id"]);
  return ids;
}

std::vector<uint64_t> Sorted(TaskOrder order, bool reversed = false) {
  return Ids(json::parse(TaskListJson(ThreeTasks(), {.order = order, .reversed = reversed})));
}

TEST(TaskJsonTest, SaysAll) {
  const json answer = json::parse(TaskListJson(ThreeTasks()));
  EXPECT_EQ(answer["tasks_total"], 3);
  const json& first = answer["tasks"][0];
  EXPECT_EQ(first["name"], "listener");
  EXPECT_EQ(first["file"], "src/main.cc");
  EXPECT_EQ(first["line"], 101);
  EXPECT_EQ(first["state"], "waiting");
  EXPECT_EQ(first["in_state_us"], 5'000'000);
  EXPECT_EQ(first["busy_us"], 1'000'000);
  EXPECT_EQ(first["polls"], 7);
  EXPECT_EQ(first["woken_by"], "task 2");
  EXPECT_EQ(first["waits_for"], json({"Join", "Event"}));
  EXPECT_EQ(first["resource"], "0xabc0");
  EXPECT_EQ(first["spans"][0]["fields"]["try"], 2);
  EXPECT_EQ(first["spans"][0]["open_us"], 3000);
  EXPECT_EQ(answer["tasks"][1]["name"], "sum \"a\"\xEF\xBF\xBD");
  EXPECT_EQ(answer["tasks"][1]["woken_by"], "reactor");
  EXPECT_EQ(answer["tasks"][2]["woken_by"], "outside");
  const json& resource = answer["resources"][0];
  EXPECT_EQ(resource["address"], first["resource"]);
  EXPECT_EQ(resource["name"], "accounts");
  EXPECT_EQ(resource["waiting"], 200);
  EXPECT_EQ(resource["holders"][0]["name"], "sum \"a\"\xEF\xBF\xBD");
  EXPECT_EQ(resource["holders"][0]["held_us"], 1500);
  EXPECT_EQ(resource["holders"][1]["name"], "");
  EXPECT_EQ(answer["poll_times"].size(), PollTimes::kBuckets);
  EXPECT_EQ(answer["poll_times"][3], json({{"below_us", 8}, {"count", 9}}));
  EXPECT_TRUE(answer["poll_times"].back()["below_us"].is_null());
}

using IdList = std::vector<uint64_t>;

TEST(TaskJsonTest, Orders) {
  EXPECT_EQ(Sorted(TaskOrder::kId), (IdList{1, 2, 3}));
  EXPECT_EQ(Sorted(TaskOrder::kId, true), (IdList{3, 2, 1}));
  EXPECT_EQ(Sorted(TaskOrder::kState), (IdList{2, 3, 1}));
  // The run that is under way counts.
  EXPECT_EQ(Sorted(TaskOrder::kBusy), (IdList{2, 1, 3}));
  EXPECT_EQ(Sorted(TaskOrder::kLongest), (IdList{2, 3, 1}));
  EXPECT_EQ(Sorted(TaskOrder::kPolls), (IdList{1, 2, 3}));
}

TEST(TaskJsonTest, ALimitAndAName) {
  json answer = json::parse(TaskListJson(ThreeTasks(), {.limit = 1, .order = TaskOrder::kState}));
  EXPECT_EQ(Ids(answer), (IdList{2}));
  EXPECT_EQ(answer["tasks_total"], 3);
  // What holds something is named though it is not in the list.
  answer = json::parse(TaskListJson(ThreeTasks(), {.limit = 0}));
  EXPECT_EQ(Ids(answer), IdList{});
  EXPECT_NE(answer["resources"][0]["holders"][0]["name"], "");
  answer = json::parse(TaskListJson(ThreeTasks(), {.name = "sess"}));
  EXPECT_EQ(Ids(answer), (IdList{3}));
  EXPECT_EQ(answer["tasks_total"], 1);
  EXPECT_EQ(Ids(json::parse(TaskListJson(ThreeTasks(), {.name = "main.cc:102"}))), (IdList{2}));
}

TEST(TaskJsonTest, Parameters) {
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
