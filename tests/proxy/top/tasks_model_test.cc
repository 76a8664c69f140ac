// What `sluice tasks` shows at which size, and what its keys do.

#include "proxy/top/tasks_model.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proxy/ctl/json.h"

namespace sluice::proxy {
namespace {

using Kind = TopKey::Kind;

constexpr TopKey kEnter = {Kind::kEnter};
constexpr TopKey kEscape = {Kind::kEscape};
constexpr TopKey kDown = {Kind::kDown};

std::string Task(int id, std::string_view name, std::string_view state, int in_state, int busy,
                 std::string_view resource = "") {
  return absl::StrCat(
      R"({"id":)", id, R"(,"parent":1,"name":")", std::string(name),
      R"(","file":"src/a.cc","line":)", 100 + id, R"(,"function":"Main","state":")",
      std::string(state), R"(","in_state_us":)", in_state, R"(,"age_us":9000000,"busy_us":)", busy,
      R"(,"queued_us":5,"idle_us":7,"longest_poll_us":)", busy / 2, R"(,"polls":)", id * 10,
      R"(,"wakes":3,"woken_by":"reactor","worker":0,"waits_for":["Join","Event"],"resource":")",
      std::string(resource),
      R"(","spans":[{"name":"fetch","open_us":1500,"fields":{"url":"/a","try":2}}]})");
}

std::string Answer(int busy_of_two, int pid = 12) {
  return absl::StrCat(
      R"({"pid":)", pid, R"(,"watched_us":65000000,"tasks_total":4,"slow_polls":3,"unwatched":0,)",
      R"("tasks":[)", Task(1, "listener", "waiting", 4000000, 100), ",",
      Task(2, "sum", "running", 2500000, busy_of_two), ",",
      Task(3, "session", "waiting", 1000, 700, "0xab"), ",", Task(4, "session", "ready", 10, 0),
      R"(],"resources_total":7,"resources":[{"address":"0xab","kind":"LockAwaiter<int>","name":"accounts",)",
      R"("waiting":1,"holders":[{"task":2,"name":"sum","count":1,"held_us":2000000}]}],)",
      R"("poll_times":[{"below_us":1,"count":0},{"below_us":2,"count":50},{"below_us":4,"count":0},)",
      R"({"below_us":32768,"count":2},{"below_us":null,"count":0}]})");
}

class Tasks {
 public:
  Tasks() { Take(0); }

  void Take(int busy_of_two, int pid = 12) {
    at_ = at_ + 1s;
    model.Take(*ParseJson(Answer(busy_of_two, pid)), at_, "10:02:31");
  }
  void Press(TopKey key) {
    model.OnKey(key);
    if (model.needs_list()) Take(0);
  }
  void Press(std::string_view keys) {
    for (const char key : keys) Press(TopKey{Kind::kText, key});
  }

  std::vector<std::string> Lines(TopSize size = {}) {
    model.SetSize(size);
    std::vector<std::string> lines;
    for (const TopLine& line : model.Draw()) {
      std::string text;
      for (const TopText& each : line) text += each.text;
      text.erase(text.find_last_not_of(' ') + 1);
      lines.push_back(text);
    }
    return lines;
  }
  std::string Text(TopSize size = {}) { return absl::StrJoin(Lines(size), "\n"); }
  // The ids of tasks, in the order of the screen.
  std::string Order() {
    std::string ids;
    for (const std::string& line : Lines({24, 200})) {
      for (const char id : {'1', '2', '3', '4'}) {
        if (line.find(absl::StrCat("src/a.cc:10", std::string(1, id))) != line.npos) ids += id;
      }
    }
    return ids;
  }
  std::string Chosen() {
    for (const std::string& line : Lines({24, 200})) {
      if (line.starts_with("> ")) return line;
    }
    return "";
  }

  TasksModel model;

 private:
  core::Instant at_;
};

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(TasksModel, AScreenIsAsLargeAsTheTerminal) {
  Tasks tasks;
  for (const TopSize size : {TopSize{24, 80}, TopSize{50, 200}, TopSize{10, 40}, TopSize{24, 20},
                             TopSize{5, 80}, TopSize{1, 1}, TopSize{2, 300}}) {
    for (const std::string_view page : {"1", "2", "3", "?"}) {
      tasks.Press(page);
      const std::vector<std::string> lines = tasks.Lines(size);
      EXPECT_EQ(lines.size(), size.rows);
      for (const std::string& line : lines) EXPECT_LE(WidthOf(line), size.columns) << line;
      if (page == "?") tasks.Press("1");
      tasks.Press(kEnter);
      for (const std::string& line : tasks.Lines(size)) EXPECT_LE(WidthOf(line), size.columns);
    }
  }
}

TEST(TasksModel, WhoeverKeepsAWorkerIsAtTheTop) {
  Tasks tasks;
  EXPECT_EQ(tasks.model.Target(), "/api/v1/tasks?limit=1000&order=state");
  EXPECT_EQ(tasks.Order(), "2413");
  EXPECT_TRUE(Has(tasks.Chosen(), "running   2.5s")) << tasks.Chosen();
  EXPECT_TRUE(Has(tasks.Lines()[0], "process 12")) << tasks.Lines()[0];
  EXPECT_TRUE(Has(tasks.Lines()[0], "watched for 1m 5s"));
  EXPECT_TRUE(Has(tasks.Lines()[0], "as of 10:02:31"));
  EXPECT_TRUE(Has(tasks.Lines()[1], "tasks 4   slow runs 3   worker 0 runs task 2 sum for 2.5s"))
      << tasks.Lines()[1];
  // At 80 columns, too, with what a task waits for.
  EXPECT_TRUE(Has(tasks.Text(), "NAME")) << tasks.Text();
  EXPECT_TRUE(Has(tasks.Text(), "Join, Event")) << tasks.Text();
  EXPECT_FALSE(Has(tasks.Text(), "SPAWNED AT"));
  EXPECT_TRUE(Has(tasks.Text({24, 200}), "SPAWNED AT"));
}

TEST(TasksModel, Sorts) {
  Tasks tasks;
  tasks.Press(">>");
  EXPECT_EQ(tasks.Order(), "1234");
  EXPECT_EQ(tasks.model.Target(), "/api/v1/tasks?limit=1000&order=id");
  tasks.Press("r");
  EXPECT_EQ(tasks.Order(), "4321");
  EXPECT_EQ(tasks.model.Target(), "/api/v1/tasks?limit=1000&order=id&reversed=true");
  tasks.Press(">>>");  // BUSY, which counts the run that is under way
  EXPECT_EQ(tasks.Order(), "2314");
  EXPECT_EQ(tasks.model.Target(), "/api/v1/tasks?limit=1000&order=busy");
  tasks.Press(">>");  // POLLS
  EXPECT_EQ(tasks.Order(), "4321");
  EXPECT_EQ(tasks.model.Target(), "/api/v1/tasks?limit=1000&order=polls");
}

TEST(TasksModel, TheShareOfACpuIsThatSinceTheLastLook) {
  Tasks tasks;
  EXPECT_TRUE(Has(tasks.Text({24, 200}), " - "));
  tasks.Take(250'000);
  EXPECT_TRUE(Has(tasks.Chosen(), " 25.0 ")) << tasks.Chosen();
  tasks.Take(250'000, 13);  // another process
  EXPECT_FALSE(Has(tasks.Chosen(), " 25.0 ")) << tasks.Chosen();
  EXPECT_TRUE(Has(tasks.Lines()[0], "process 13"));
}

TEST(TasksModel, EnterTellsAllOfATask) {
  Tasks tasks;
  tasks.Press(kDown);
  tasks.Press(kDown);
  tasks.Press(kDown);
  EXPECT_TRUE(Has(tasks.Chosen(), "session"));
  tasks.Press(kEnter);
  const std::string text = tasks.Text();
  for (const std::string_view part :
       {"tasks > task 3", "3 session   for 9.0s", "spawned at  src/a.cc:103", "in          Main",
        "by          task 1", "waiting for 1.0ms, worker 0", "Join, Event",
        "0xab accounts, as 1 tasks do; held by task 2 sum for 2.0s",
        "700us in 30 runs, the longest 350us", "3 times, last by reactor",
        "fetch for 1.5ms  try=2 url=/a"}) {
    EXPECT_TRUE(Has(text, part)) << part << "\n" << text;
  }
  tasks.Press(kEscape);
  EXPECT_TRUE(Has(tasks.Chosen(), "session")) << "it is still chosen";
}

TEST(TasksModel, ResourcesAndThoseWhoWaitForThem) {
  Tasks tasks;
  tasks.Press("2");
  EXPECT_TRUE(Has(tasks.Chosen(), "1  accounts  LockAwaiter<int>  task 2 sum for 2.0s"))
      << tasks.Text();
  EXPECT_TRUE(Has(tasks.Text(), "resources   the first 1 of 7")) << tasks.Text();
  tasks.Press(kEnter);
  EXPECT_EQ(tasks.Order(), "3");
  EXPECT_TRUE(Has(tasks.Text(), "resources > tasks that wait for 0xab   1"));
  tasks.Press(kEscape);
  EXPECT_TRUE(Has(tasks.Chosen(), "accounts"));
}

TEST(TasksModel, HowLongRunsTake) {
  Tasks tasks;
  tasks.Press("3");
  const std::string text = tasks.Text();
  EXPECT_TRUE(Has(text, "< 2us                 50  ####")) << text;
  EXPECT_TRUE(Has(text, "< 32.8ms               2  ##")) << text;
  EXPECT_FALSE(Has(text, "< 1us"));
}

TEST(TasksModel, AFilterIsTheProcesss) {
  Tasks tasks;
  tasks.Press("/");
  tasks.Press("a b");
  EXPECT_TRUE(Has(tasks.Text(), "name or place: a b_"));
  tasks.Press(kEnter);
  EXPECT_EQ(tasks.model.Target(), "/api/v1/tasks?limit=1000&order=state&name=a%20b");
  EXPECT_TRUE(Has(tasks.Text(), "tasks with a b"));
}

TEST(TasksModel, OldFiguresAreTold) {
  Tasks tasks;
  tasks.model.TakeTrouble("it does not answer");
  EXPECT_TRUE(Has(tasks.Text(), "NO ANSWER since 10:02:31: it does not answer"));
  EXPECT_TRUE(Has(tasks.Text(), "sum"));
  tasks.Take(0);
  EXPECT_FALSE(Has(tasks.Text(), "NO ANSWER"));
}

}  // namespace
}  // namespace sluice::proxy
