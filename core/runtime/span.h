// Span: a part of what a task does, with a name and fields, which may last over any number of
// co_awaits. It belongs to the task, not to the thread.
//
//     core::Task<void> Fetch(Url url) {
//       core::Span span = co_await core::OpenSpan("fetch", {{"url", url.text()}, {"try", 2}});
//       Reply reply = co_await Ask(url);
//       span.Set("status", reply.status);
//     }                                                  // it ends here
//
// Those that are open are part of ListTasks; one that ends is told to WatchOptions::on_span:
//
//     {"span":"fetch","task":17,"name":"client","fields":{"url":"/a","try":2,"status":200},
//      "took_us":5210}                                                              (in one line)
//
// Where a runtime does not watch its tasks a Span is a null pointer, and its fields are not looked
// at. Names are constants; the text of a field is copied, at most kMostOfText bytes of it.
//
// Threads: inside its task. It is moved freely there, and it ends before its task does.
// Checked by: tests/core/runtime/span_test.cc.
#ifndef SLUICE_CORE_RUNTIME_SPAN_H_
#define SLUICE_CORE_RUNTIME_SPAN_H_

#include <concepts>
#include <coroutine>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/base/time.h"
#include "core/task/run_watcher.h"
#include "core/task/runnable.h"
#include "core/task/task.h"

namespace sluice::core {

class TaskWatch;

struct SpanField {
  SpanField(std::string_view key, std::string_view value) : key(key), value(value) {}
  SpanField(std::string_view key, const char* value) : key(key), value(std::string_view(value)) {}
  SpanField(std::string_view key, const std::string& value)
      : key(key), value(std::string_view(value)) {}
  SpanField(std::string_view key, std::same_as<bool> auto value) : key(key), value(value) {}
  template <std::integral Number>
    requires(!std::same_as<Number, bool>)
  SpanField(std::string_view key, Number value) : key(key), value(static_cast<int64_t>(value)) {}

  std::string_view key;
  std::variant<std::string_view, int64_t, bool> value;
};

// What there is of a span while tasks are watched. Internal.
class SpanEntry {
 public:
  SpanEntry(TaskWatch& watch, uint64_t task, const char* name,
            std::initializer_list<SpanField> fields);
  SpanEntry(const SpanEntry&) = delete;
  SpanEntry& operator=(const SpanEntry&) = delete;
  ~SpanEntry();

  void Set(const SpanField& field);
  std::string Json(Instant now) const;

 private:
  friend class TaskWatch;

  TaskWatch& watch_;
  const uint64_t task_;
  const char* const name_;
  const Instant opened_at_;
  std::string fields_;             // a JSON object; changed under the list's lock
  SpanEntry* next_ = nullptr;      // the list's
  SpanEntry* previous_ = nullptr;  // the list's
};

class [[nodiscard]] Span {
 public:
  static constexpr size_t kMostOfText = 256;

  Span() = default;  // of nothing
  explicit Span(std::unique_ptr<SpanEntry> entry) : entry_(std::move(entry)) {}

  // Adds a field. One with the same key does not go: the later one is in force, as in JSON.
  void Set(std::string_view key, auto value) {
    if (entry_ != nullptr) [[unlikely]]
      entry_->Set(SpanField(key, value));
  }
  // Now; else when it goes.
  void End() { entry_.reset(); }
  // Whether anything is kept of it.
  bool is_watched() const { return entry_ != nullptr; }

 private:
  std::unique_ptr<SpanEntry> entry_;
};

// `Span span = co_await OpenSpan(name, {{key, value}, …});` in one expression.
class [[nodiscard]] OpenSpan {
 public:
  explicit OpenSpan(const char* name, std::initializer_list<SpanField> fields = {})
      : name_(name), fields_(fields) {}

  bool await_ready() const noexcept { return !RunWatcher::Any(); }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> self) {
    task_ = self.promise().task;
    return false;
  }
  Span await_resume() const { return task_ == nullptr ? Span() : Open(); }

 private:
  Span Open() const;

  const char* name_;
  std::initializer_list<SpanField> fields_;
  Runnable* task_ = nullptr;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_SPAN_H_
