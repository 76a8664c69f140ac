// Spans: in the list while they are open, a line of JSON when they end; nothing where nothing is
// watched.
#include "core/runtime/span.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/synchronization/mutex.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/runtime/task_list.h"
#include "core/sync/event.h"
#include "core/task/task.h"
#include "core/task/yield.h"
#include "tests/core/support/backends.h"

namespace sluice::core {
namespace {

using testing::BackendTest;

class SpanTest : public BackendTest {
 protected:
  // Lines of spans that have ended.
  RuntimeOptions Watching() {
    RuntimeOptions options = Options();
    options.watch = {.tasks = true, .on_span = [this](const std::string& line) {
                       absl::MutexLock lock(&mutex_);
                       lines_.push_back(line);
                     }};
    return options;
  }
  std::vector<std::string> lines() {
    absl::MutexLock lock(&mutex_);
    return lines_;
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
};

Task<void> Fetch(Event& event, std::string url) {
  Span span = co_await OpenSpan("fetch", {{"url", url}, {"try", 2}, {"again", false}});
  Span inner = co_await OpenSpan("wait");
  (void)co_await event.Wait();
  inner.End();
  co_await Yield();
  span.Set("status", 200);
}

TEST_P(SpanTest, IsListedWhileItIsOpenAndToldWhenItEnds) {
  Event event;
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  JoinHandle<void> handle = runtime.handle().Spawn(Fetch(event, "/a\"b"), {"client"});
  std::optional<TaskList> list;
  do {
    std::this_thread::yield();
    list = ListTasks(runtime.handle());
  } while (list->tasks.size() != 1 || list->tasks[0].state != TaskState::kWaiting);
  const TaskInfo& task = list->tasks[0];
  ASSERT_EQ(task.spans.size(), 2u);
  EXPECT_EQ(task.spans[0].name, "fetch");
  EXPECT_EQ(task.spans[0].fields, R"({"url":"/a\"b","try":2,"again":false})");
  EXPECT_EQ(task.spans[1].name, "wait");
  EXPECT_EQ(task.spans[1].fields, "{}");
  EXPECT_GE(task.spans[0].open, task.spans[1].open);
  EXPECT_TRUE(lines().empty());
  event.Set();
  (void)runtime.BlockOn(std::move(handle));
  const std::vector<std::string> told = lines();
  ASSERT_EQ(told.size(), 2u);
  const std::string id = std::to_string(task.id);
  EXPECT_TRUE(absl::StartsWith(
      told[0], R"({"span":"wait","task":)" + id + R"(,"name":"client","fields":{},"took_us":)"))
      << told[0];
  EXPECT_TRUE(absl::StartsWith(
      told[1], R"({"span":"fetch","task":)" + id +
                   R"(,"name":"client","fields":{"url":"/a\"b","try":2,"again":false,)"
                   R"("status":200},"took_us":)"))
      << told[1];
  EXPECT_TRUE(absl::EndsWith(told[1], "}"));
}

TEST_P(SpanTest, OfManyTasksAtATime) {
  Event event;
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  constexpr int kTasks = 100;
  std::vector<JoinHandle<void>> handles;
  for (int i = 0; i < kTasks; ++i) {
    handles.push_back(runtime.handle().Spawn(Fetch(event, std::to_string(i))));
  }
  for (int i = 0; i < 20; ++i) {
    const TaskList list = *ListTasks(runtime.handle());
    for (const TaskInfo& task : list.tasks) EXPECT_LE(task.spans.size(), 2u);
  }
  event.Set();
  for (JoinHandle<void>& each : handles) (void)runtime.BlockOn(std::move(each));
  EXPECT_EQ(lines().size(), 2u * kTasks);
}

TEST_P(SpanTest, TextsAreCutWhereTheyWouldBeTooLong) {
  Event event;
  event.Set();
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  runtime.BlockOn(Fetch(event, std::string(10000, 'x')));
  ASSERT_EQ(lines().size(), 2u);
  EXPECT_TRUE(
      absl::StrContains(lines()[1], "\"url\":\"" + std::string(Span::kMostOfText, 'x') + "\""));
}

TEST_P(SpanTest, WhereNothingIsWatchedThereIsNone) {
  Runtime runtime(Options());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  const auto opens = []() -> Task<bool> {
    Span span = co_await OpenSpan("fetch", {{"try", 1}});
    span.Set("status", 200);
    co_return span.is_watched();
  };
  EXPECT_FALSE(runtime.BlockOn(CoInvoke(opens)));
  // Nor where another runtime is watched.
  Runtime other(Watching());
  EXPECT_FALSE(runtime.BlockOn(CoInvoke(opens)));
  EXPECT_TRUE(other.BlockOn(CoInvoke(opens)));
}

SLUICE_ON_EVERY_BACKEND(SpanTest);

}  // namespace
}  // namespace sluice::core
