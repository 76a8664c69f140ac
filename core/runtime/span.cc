#include "core/runtime/span.h"

#include <algorithm>
#include <array>
#include <new>

#include "absl/strings/str_cat.h"
#include "core/runtime/task_record.h"
#include "core/runtime/task_watch.h"
#include "core/text/json_escape.h"

namespace sluice::core {
namespace {

constexpr std::string_view kCut = "\"...\":true";

void AppendQuoted(std::string_view text, std::string& to) {
  to += '"';
  AppendJsonEscaped(text.substr(0, Span::kMostOfText), to);
  to += '"';
}

std::string Quoted(std::string_view text) {
  std::string quoted;
  AppendQuoted(text, quoted);
  return quoted;
}

std::string JsonOf(const SpanField::Value& value) {
  if (const auto* text = std::get_if<std::string_view>(&value)) return Quoted(*text);
  if (const auto* number = std::get_if<int64_t>(&value)) return absl::StrCat(*number);
  if (const auto* number = std::get_if<uint64_t>(&value)) return absl::StrCat(*number);
  return std::get<bool>(value) ? "true" : "false";
}

}  // namespace

SpanEntry::SpanEntry(TaskRecord& record, const char* name, std::initializer_list<SpanField> fields)
    : record_(&record),
      task_(record.id()),
      task_name_(record.NameOf(task_)),
      name_(name),
      opened_at_(record.watch().Now()) {
  for (const SpanField& field : fields) Keep(field);
  fields_ = std::make_shared<const std::string>(Object());
  record.Open(*this);
}

SpanEntry::~SpanEntry() {
  // Null: the task's code has ended, and does not read this any more (Unlink).
  TaskRecord* const record = record_.load(std::memory_order_acquire);
  if (record == nullptr || !record->Close(*this)) return;
  const TaskWatch& watch = record->watch();
  try {
    if (watch.options().on_span) watch.options().on_span(Json(watch.Now()));
  } catch (const std::bad_alloc&) {  // it is not told
  }
}

// One whose new value has no place goes: its old value would be wrong.
void SpanEntry::Keep(const SpanField& field) {
  constexpr size_t kMarks = 2;  // a colon, and a comma or a brace
  Field made = {.key = Quoted(field.key), .value = JsonOf(field.value)};
  const auto old = std::ranges::find(kept_, made.key, &Field::key);
  if (old != kept_.end()) kept_bytes_ -= old->key.size() + old->value.size() + kMarks;
  const size_t bytes = made.key.size() + made.value.size() + kMarks;
  if (kept_bytes_ + bytes + kCut.size() + kMarks > Span::kMostOfFields) {
    is_cut_ = true;
    if (old != kept_.end()) kept_.erase(old);
    return;
  }
  kept_bytes_ += bytes;
  if (old != kept_.end()) {
    old->value = std::move(made.value);
  } else {
    kept_.push_back(std::move(made));
  }
}

std::string SpanEntry::Object() const {
  std::string object = "{";
  for (const Field& field : kept_) {
    absl::StrAppend(&object, object.size() > 1 ? "," : "", field.key, ":", field.value);
  }
  if (is_cut_) absl::StrAppend(&object, object.size() > 1 ? "," : "", std::string(kCut));
  return object + "}";
}

void SpanEntry::Set(const SpanField& field) {
  TaskRecord* const record = record_.load(std::memory_order_relaxed);
  if (record == nullptr) return;
  Keep(field);
  auto fields = std::make_shared<const std::string>(Object());
  record->Change(*this, fields);
}

std::string SpanEntry::Json(Instant now) const {
  return absl::StrCat("{\"span\":", Quoted(name_), ",\"task\":", task_,
                      ",\"name\":", Quoted(task_name_), ",\"fields\":", *fields_,
                      ",\"took_us\":", (now - opened_at_) / 1us, "}");
}

Span internal::OpenWatchedSpan(const char* name, std::initializer_list<SpanField> fields) {
  RunWatcher* const watcher = RunWatcher::Current();
  if (watcher == nullptr) return Span();
  return Span(std::make_unique<SpanEntry>(static_cast<TaskRecord&>(*watcher), name, fields));
}

// The part of a TaskRecord that knows of spans.
void TaskRecord::Open(SpanEntry& span) {
  ThreadMutexLock lock(&spans_mutex_);
  SpanEntry* const last = last_span_.load(kRelaxed);
  span.previous_ = last;
  if (last != nullptr) last->next_ = &span;
  last_span_.store(&span, kRelaxed);
}

bool TaskRecord::Close(SpanEntry& span) {
  ThreadMutexLock lock(&spans_mutex_);
  if (span.record_.load(kRelaxed) != this) return false;
  Unlink(span);
  return true;
}

// Afterwards it may be gone: another thread may have it.
void TaskRecord::Unlink(SpanEntry& span) {
  if (span.previous_ != nullptr) span.previous_->next_ = span.next_;
  if (span.next_ != nullptr) {
    span.next_->previous_ = span.previous_;
  } else {
    last_span_.store(span.previous_, kRelaxed);
  }
  span.record_.store(nullptr, std::memory_order_release);
}

// What was in force before goes when the lock has been released, with the argument.
void TaskRecord::Change(SpanEntry& span, std::shared_ptr<const std::string>& fields) {
  ThreadMutexLock lock(&spans_mutex_);
  if (span.record_.load(kRelaxed) == this) span.fields_.swap(fields);
}

// Those that were opened last end first, as if they had gone.
void TaskRecord::CloseSpans() {
  const auto& on_span = watch_.options().on_span;
  for (;;) {
    std::string line;
    {
      ThreadMutexLock lock(&spans_mutex_);
      SpanEntry* const span = last_span_.load(kRelaxed);
      if (span == nullptr) return;
      try {
        if (on_span) line = span->Json(watch_.Now());
      } catch (const std::bad_alloc&) {  // it is not told
      }
      Unlink(*span);
    }
    if (!line.empty()) on_span(line);
  }
}

std::vector<SpanInfo> TaskRecord::Spans(uint64_t task, Instant now) const {
  struct Found {
    const char* name;
    Instant opened_at;
    std::shared_ptr<const std::string> fields;
  };
  std::array<Found, TaskInfo::kMostSpans> found;
  size_t count = 0;
  {
    ThreadMutexLock lock(&spans_mutex_);
    const SpanEntry* span = last_span_.load(kRelaxed);
    for (; span != nullptr && count < found.size(); span = span->previous_) {
      if (span->task_ != task) break;  // the record is another task's by now
      found[count++] = {span->name_, span->opened_at_, span->fields_};
    }
  }
  std::vector<SpanInfo> spans;
  while (count > 0) {
    const Found& each = found[--count];
    spans.push_back({.name = each.name,
                     .fields = *each.fields,
                     .open = std::max<Duration>(now - each.opened_at, 0ns)});
  }
  return spans;
}

}  // namespace sluice::core
