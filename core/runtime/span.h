// Span: a part of what a task does, with a name and fields, which may last over any number of
// co_awaits. It belongs to the task, not to the thread.
//
//     core::Task<void> Fetch(Url url) {
//       core::Span span = core::OpenSpan("fetch", {{"url", url.text()}, {"try", 2}});
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
// at. Names are constants; the text of a field is copied, at most kMostOfText bytes of it. All
// fields of a span together have at most kMostOfFields bytes of JSON; when one has no place the
// object has `"...":true` instead.
//
// A span that is still open when its task's code ends, because it was given to the task or is its
// result, ends then: later there is nothing that it could be a part of.
//
// Threads: inside its task, and it is moved freely there; it goes wherever it likes, while the
// runtime lasts, also as its task ends, or after its task has ended.
// Checked by: tests/core/runtime/span_test.cc.
#ifndef SLUICE_CORE_RUNTIME_SPAN_H_
#define SLUICE_CORE_RUNTIME_SPAN_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/atomic.h"
#include "core/base/time.h"
#include "core/task/run_watcher.h"

namespace sluice::core {

class TaskRecord;

struct SpanField {
  SpanField(std::string_view key, std::string_view value) : key(key), value(value) {}
  // Null is an empty text.
  SpanField(std::string_view key, const char* value)
      : key(key), value(value == nullptr ? std::string_view() : std::string_view(value)) {}
  SpanField(std::string_view key, std::nullptr_t) = delete;
  SpanField(std::string_view key, const std::string& value)
      : key(key), value(std::string_view(value)) {}
  SpanField(std::string_view key, std::same_as<bool> auto value) : key(key), value(value) {}
  template <std::integral Number>
    requires(!std::same_as<Number, bool>)
  SpanField(std::string_view key, Number value) : key(key), value(Widened(value)) {}

  using Value = std::variant<std::string_view, int64_t, uint64_t, bool>;

  std::string_view key;
  Value value;

 private:
  template <std::integral Number>
  static Value Widened(Number value) {
    if constexpr (std::is_signed_v<Number>) return static_cast<int64_t>(value);
    return static_cast<uint64_t>(value);
  }
};

// What there is of a span while tasks are watched. Internal.
//
//   OPEN, in the list of its task's record ── it goes, or the task's code ends ──► CLOSED, told
class SpanEntry {
 public:
  SpanEntry(TaskRecord& record, const char* name, std::initializer_list<SpanField> fields);
  SpanEntry(const SpanEntry&) = delete;
  SpanEntry& operator=(const SpanEntry&) = delete;
  ~SpanEntry();

  void Set(const SpanField& field);
  std::string Json(Instant now) const;

 private:
  friend class TaskRecord;
  struct Field {  // parts of a JSON object
    std::string key;
    std::string value;
  };

  void Keep(const SpanField& field);
  std::string Object() const;

  Atomic<TaskRecord*> record_;  // null: it is CLOSED; changed under the record's lock
  const uint64_t task_;
  const std::string task_name_;
  const char* const name_;
  const Instant opened_at_;
  std::vector<Field> kept_;
  size_t kept_bytes_ = 0;
  bool is_cut_ = false;                        // a field had no place
  std::shared_ptr<const std::string> fields_;  // of these; readers share it, by the lock
  SpanEntry* next_ = nullptr;                  // the record's
  SpanEntry* previous_ = nullptr;              // the record's
};

class [[nodiscard]] Span {
 public:
  static constexpr size_t kMostOfText = 256;
  static constexpr size_t kMostOfFields = 4096;

  Span() = default;  // of nothing
  explicit Span(std::unique_ptr<SpanEntry> entry) : entry_(std::move(entry)) {}

  // Adds a field, or gives the one with this key another value.
  void Set(std::string_view key, const auto& value) {
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

namespace internal {

// Of the running task, if it is watched.
Span OpenWatchedSpan(const char* name, std::initializer_list<SpanField> fields);

}  // namespace internal

// Inside a task; elsewhere it is a span of nothing.
inline Span OpenSpan(const char* name, std::initializer_list<SpanField> fields = {}) {
  if (!RunWatcher::Any()) [[likely]]
    return Span();
  return internal::OpenWatchedSpan(name, fields);
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_SPAN_H_
