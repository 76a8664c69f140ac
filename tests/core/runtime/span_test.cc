// Spans: in the list while they are open, a line of JSON when they end; nothing where nothing is
// watched.
#include "core/runtime/span.h"

#include <gtest/gtest.h>

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/synchronization/mutex.h"
#include "core/base/clock.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/runtime/task_list.h"
#include "core/sync/event.h"
#include "core/task/co_invoke.h"
#include "core/task/task.h"
#include "core/task/yield.h"
#include "tests/core/support/backends.h"

namespace sluice::core {
namespace {

using nlohmann::json;
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
  Span span = OpenSpan("fetch", {{"url", url}, {"try", 2}, {"again", false}});
  Span inner = OpenSpan("wait");
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

TEST_P(SpanTest, HowLongItTook) {
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  const MonotonicClock clock;
  const Instant before = clock.Now();
  Duration listed{};
  const auto takes = [&]() -> Task<void> {
    Span span = OpenSpan("takes");
    const Instant opened_at = clock.Now();
    while (clock.Now() - opened_at < 3ms) continue;
    listed = ListTasks(runtime.handle())->tasks.at(0).spans.at(0).open;
    co_return;
  };
  runtime.BlockOn(CoInvoke(takes));
  const Duration all = clock.Now() - before;
  EXPECT_GE(listed, 3ms);
  EXPECT_LE(listed, all);
  const int64_t took = json::parse(lines().at(0))["took_us"];
  EXPECT_GE(took, listed / 1us);
  EXPECT_LE(took, all / 1us);
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

// A field that is set again and again, and more fields than there is a place for.
TEST_P(SpanTest, FieldsAreBounded) {
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  std::vector<size_t> sizes;
  const auto sets = [&]() -> Task<void> {
    Span span = OpenSpan("loop", {{"first", 1}});
    for (int i = 0; i < 5000; ++i) span.Set("turn", i);
    sizes.push_back(ListTasks(runtime.handle())->tasks[0].spans[0].fields.size());
    for (int i = 0; i < 5000; ++i) span.Set("key " + std::to_string(i), std::string(300, '"'));
    sizes.push_back(ListTasks(runtime.handle())->tasks[0].spans[0].fields.size());
    span.Set("first", 2);
    co_return;
  };
  runtime.BlockOn(CoInvoke(sets));
  EXPECT_EQ(sizes[0], std::string_view(R"({"first":1,"turn":4999})").size());
  EXPECT_GT(sizes[1], Span::kMostOfFields - 600);
  EXPECT_LE(sizes[1], Span::kMostOfFields);
  const json fields = json::parse(lines().at(0))["fields"];
  EXPECT_EQ(fields["first"], 2);
  EXPECT_EQ(fields["turn"], 4999);
  EXPECT_EQ(fields["..."], true);
  EXPECT_EQ(fields["key 0"], std::string(Span::kMostOfText, '"'));
  EXPECT_FALSE(fields.contains("key 4999"));
}

// A value that has no place goes: the one before it would be wrong.
TEST_P(SpanTest, AnOldValueDoesNotStay) {
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  const auto sets = []() -> Task<void> {
    Span span = OpenSpan("full", {{"state", "ok"}});
    for (int i = 0; i < 100; ++i) span.Set("key " + std::to_string(i), std::string(100, 'x'));
    span.Set("state", std::string(256, 'y'));
    co_return;
  };
  runtime.BlockOn(CoInvoke(sets));
  const json fields = json::parse(lines().at(0))["fields"];
  EXPECT_FALSE(fields.contains("state"));
  EXPECT_TRUE(fields.contains("key 0"));
}

TEST_P(SpanTest, OfManySpansTheLastAreListed) {
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  std::vector<SpanInfo> listed;
  const auto opens = [&]() -> Task<void> {
    std::vector<Span> spans;
    for (int i = 0; i < 100; ++i) spans.push_back(OpenSpan("span", {{"number", i}}));
    spans.erase(spans.begin() + 95);
    listed = ListTasks(runtime.handle())->tasks.at(0).spans;
    co_return;
  };
  runtime.BlockOn(CoInvoke(opens));
  ASSERT_EQ(listed.size(), TaskInfo::kMostSpans);
  EXPECT_EQ(listed.front().fields, R"({"number":83})");
  EXPECT_EQ(listed.back().fields, R"({"number":99})");
  EXPECT_EQ(lines().size(), 100u);
}

struct Counted : std::string {
  Counted() = default;
  Counted(const Counted& other) : std::string(other) { ++copies; }
  Counted& operator=(const Counted&) = default;
  static inline int copies = 0;
};

TEST_P(SpanTest, ValuesOfAllKinds) {
  static_assert(!std::constructible_from<SpanField, std::string_view, std::nullptr_t>);
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  const auto sets = []() -> Task<void> {
    const char* const none = nullptr;
    Span span = OpenSpan("values", {{"none", none}, {"large", UINT64_MAX}, {"small", INT64_MIN}});
    span.Set("byte", uint8_t{200});
    span.Set("text", "abc");
    span.Set("yes", true);
    Counted counted;
    span.Set("counted", counted);
    co_return;
  };
  runtime.BlockOn(CoInvoke(sets));
  EXPECT_TRUE(absl::StrContains(
      lines().at(0),
      R"("fields":{"none":"","large":18446744073709551615,"small":-9223372036854775808,)"
      R"("byte":200,"text":"abc","yes":true,"counted":""},)"))
      << lines().at(0);
  EXPECT_EQ(Counted::copies, 0);
}

// It is told when the task's code ends, though the object is still there; and what has the record
// next has nothing of it.
TEST_P(SpanTest, EndsWithItsTaskAtTheLatest) {
  Event event;
  Event other_event;
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  std::optional<Span> outlives;
  const auto opens = [&]() -> Task<void> {
    outlives = OpenSpan("outlives");
    (void)co_await event.Wait();
  };
  JoinHandle<void> handle = runtime.handle().Spawn(CoInvoke(opens), {"client"});
  event.Set();
  (void)runtime.BlockOn(std::move(handle));
  while (!ListTasks(runtime.handle())->tasks.empty()) std::this_thread::yield();
  ASSERT_EQ(lines().size(), 1u);
  EXPECT_TRUE(absl::StrContains(lines()[0], R"("span":"outlives")"));
  EXPECT_TRUE(absl::StrContains(lines()[0], R"("name":"client")"));
  JoinHandle<void> next = runtime.handle().Spawn(Fetch(other_event, "/next"), {"next"});
  std::optional<TaskList> list;
  do {
    std::this_thread::yield();
    list = ListTasks(runtime.handle());
  } while (list->tasks.size() != 1 || list->tasks[0].state != TaskState::kWaiting);
  outlives->Set("late", 1);
  outlives.reset();
  list = ListTasks(runtime.handle());
  ASSERT_EQ(list->tasks[0].spans.size(), 2u);
  EXPECT_EQ(list->tasks[0].spans[0].name, "fetch");
  EXPECT_EQ(lines().size(), 1u);
  other_event.Set();
  (void)runtime.BlockOn(std::move(next));
  EXPECT_EQ(lines().size(), 3u);
}

// A thread has it, and lets it go just as the task's code ends: one of both tells of it.
TEST_P(SpanTest, GoesElsewhereWhileItsTaskEnds) {
  constexpr int kTimes = 500;
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  std::optional<Span> handed;
  std::atomic<int> step = 0;  // of each time: 1, it is handed on; 2, both go on; 3, it is gone
  std::thread other([&] {
    for (int i = 0; i < kTimes; ++i) {
      while (step != 3 * i + 1) std::this_thread::yield();
      step = 3 * i + 2;
      handed.reset();
      step = 3 * i + 3;
    }
  });
  const auto opens = [&](int i) -> Task<void> {
    handed = OpenSpan("handed", {{"number", i}});
    step = 3 * i + 1;
    while (step < 3 * i + 2) std::this_thread::yield();
    co_return;
  };
  for (int i = 0; i < kTimes; ++i) {
    runtime.BlockOn(opens(i));
    while (step != 3 * i + 3) std::this_thread::yield();
  }
  other.join();
  EXPECT_EQ(lines().size(), size_t{kTimes});
}

// What is told is told under no lock, or this would not end: neither when a span goes, nor when it
// ends with its task.
TEST_P(SpanTest, TheOneThatIsToldMayList) {
  Event event;
  event.Set();
  RuntimeOptions options = Options();
  Runtime* watched = nullptr;
  std::atomic<int> told = 0;
  options.watch = {.tasks = true, .on_span = [&](const std::string&) {
                     EXPECT_EQ(ListTasks(watched->handle())->tasks.size(), 1u);
                     ++told;
                   }};
  Runtime runtime(options);
  watched = &runtime;
  ASSERT_TRUE(runtime.StartInBackground().ok());
  std::optional<Span> outlives;
  const auto opens = [&]() -> Task<void> {
    outlives = OpenSpan("outlives");
    Span span = OpenSpan("goes");
    co_return;
  };
  runtime.BlockOn(CoInvoke(opens));
  EXPECT_EQ(told, 2);
}

TEST_P(SpanTest, WhereNothingIsWatchedThereIsNone) {
  Runtime runtime(Options());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  const auto opens = []() -> Task<bool> {
    Span span = OpenSpan("fetch", {{"try", 1}});
    span.Set("status", 200);
    co_return span.is_watched();
  };
  EXPECT_FALSE(runtime.BlockOn(CoInvoke(opens)));
  // Nor where another runtime is watched, nor outside of a task.
  Runtime other(Watching());
  EXPECT_FALSE(runtime.BlockOn(CoInvoke(opens)));
  EXPECT_TRUE(other.BlockOn(CoInvoke(opens)));
  EXPECT_FALSE(OpenSpan("outside").is_watched());
}

SLUICE_ON_EVERY_BACKEND(SpanTest);

}  // namespace
}  // namespace sluice::core
