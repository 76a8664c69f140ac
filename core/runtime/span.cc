#include "core/runtime/span.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/runtime/task_record.h"
#include "core/runtime/task_watch.h"
#include "core/text/json_escape.h"

namespace sluice::core {
namespace {

void AppendQuoted(std::string_view text, std::string& to) {
  to += '"';
  AppendJsonEscaped(text.substr(0, Span::kMostOfText), to);
  to += '"';
}

// Behind the fields that `object` has: before its closing brace.
void AppendField(const SpanField& field, std::string& object) {
  object.pop_back();
  if (object.size() > 1) object += ',';
  AppendQuoted(field.key, object);
  object += ':';
  if (const auto* text = std::get_if<std::string_view>(&field.value)) {
    AppendQuoted(*text, object);
  } else if (const auto* number = std::get_if<int64_t>(&field.value)) {
    absl::StrAppend(&object, *number);
  } else {
    object += std::get<bool>(field.value) ? "true" : "false";
  }
  object += '}';
}

}  // namespace

SpanEntry::SpanEntry(TaskWatch& watch, uint64_t task, const char* name,
                     std::initializer_list<SpanField> fields)
    : watch_(watch), task_(task), name_(name), opened_at_(watch.Now()), fields_("{}") {
  for (const SpanField& field : fields) AppendField(field, fields_);
  watch_.Open(*this);
}

SpanEntry::~SpanEntry() { watch_.Close(*this); }

void SpanEntry::Set(const SpanField& field) {
  std::string fields = fields_;
  AppendField(field, fields);
  watch_.Change(*this, std::move(fields));
}

std::string SpanEntry::Json(Instant now) const {
  const RunWatcher* const watcher = RunWatcher::Current();
  std::string name;
  if (watcher != nullptr) name = static_cast<const TaskRecord&>(*watcher).Describe({}).name;
  std::string line = "{\"span\":";
  AppendQuoted(name_, line);
  absl::StrAppend(&line, ",\"task\":", task_, ",\"name\":");
  AppendQuoted(name, line);
  absl::StrAppend(&line, ",\"fields\":", fields_, ",\"took_us\":", (now - opened_at_) / 1us, "}");
  return line;
}

Span OpenSpan::Open() const {
  RunWatcher* const watcher = task_->scheduler().watcher();
  if (watcher == nullptr) return Span();
  auto& record = static_cast<TaskRecord&>(*watcher);
  return Span(std::make_unique<SpanEntry>(record.watch(), record.id(), name_, fields_));
}

// The part of a TaskWatch that knows of spans.
void TaskWatch::Open(SpanEntry& span) {
  SpanList& list = ListOf(span.task_);
  absl::MutexLock lock(&list.mutex);
  span.previous_ = list.last;
  span.next_ = nullptr;
  (list.last == nullptr ? list.first : list.last->next_) = &span;
  list.last = &span;
}

void TaskWatch::Close(SpanEntry& span) {
  {
    SpanList& list = ListOf(span.task_);
    absl::MutexLock lock(&list.mutex);
    (span.previous_ == nullptr ? list.first : span.previous_->next_) = span.next_;
    (span.next_ == nullptr ? list.last : span.next_->previous_) = span.previous_;
  }
  if (options_.on_span) options_.on_span(span.Json(Now()));
}

void TaskWatch::Change(SpanEntry& span, std::string fields) {
  SpanList& list = ListOf(span.task_);
  absl::MutexLock lock(&list.mutex);
  span.fields_ = std::move(fields);
}

// A lock of some spans at a time, for as long as it takes to copy these.
void TaskWatch::CopySpans(std::vector<TaskRecord::Copy>& tasks, Instant now) const {
  for (SpanList& list : span_lists_) {
    absl::MutexLock lock(&list.mutex);
    for (const SpanEntry* span = list.first; span != nullptr; span = span->next_) {
      const auto found = std::ranges::lower_bound(
          tasks, span->task_, {}, [](const TaskRecord::Copy& copy) { return copy.info.id; });
      if (found == tasks.end() || found->info.id != span->task_) continue;
      found->info.spans.push_back({.name = span->name_,
                                   .fields = span->fields_,
                                   .open = std::max<Duration>(now - span->opened_at_, 0ns)});
    }
  }
}

}  // namespace sluice::core
