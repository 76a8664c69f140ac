// The list of tasks as JSON: every key.
#include "core/console/task_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

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
  list.resources = {{.address = 0xabc0,
                     .kind = "LockAwaiter<int>",
                     .name = "accounts",
                     .waiting = 200,
                     .holders = {{.task = 2, .name = "sum \"a\"\xff", .count = 1, .held = 1500us},
                                 {.task = 0, .count = 3}}}};
  list.tasks_total = 5;
  list.resources_total = 4;
  list.poll_times.counts[3] = 9;
  return list;
}

TEST(TaskJsonTest, SaysAll) {
  const json answer = json::parse(TaskListJson(ThreeTasks()));
  EXPECT_EQ(answer["tasks_total"], 5);
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
  EXPECT_EQ(answer["resources_total"], 4);
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

}  // namespace
}  // namespace sluice::core
