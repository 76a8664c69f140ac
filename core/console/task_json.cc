#include "core/console/task_json.h"

#include <unistd.h>

#include <string_view>

#include "absl/strings/str_cat.h"
#include "core/text/json_escape.h"

namespace sluice::core {
namespace {

// `key` is written as it is: "\"name\":".
void Text(std::string_view key, std::string_view value, std::string& json) {
  json.append(key).append("\"");
  AppendJsonEscaped(value, json);
  json += '"';
}

int64_t Micros(Duration duration) { return duration / 1us; }

std::string AddressText(uintptr_t address) {
  return address == 0 ? "" : absl::StrCat("0x", absl::Hex(address));
}

std::string WakerText(uint64_t waker) {
  if (waker == kWokenByNothing) return "";
  if (waker == kWokenByReactor) return "reactor";
  if (waker == kWokenOutside) return "outside";
  return absl::StrCat("task ", waker);
}

template <typename Items, typename Append>
void List(std::string_view key, const Items& items, std::string& json, Append append) {
  json.append(key).append("[");
  bool is_first = true;
  for (const auto& item : items) {
    if (!is_first) json += ',';
    is_first = false;
    append(item);
  }
  json += ']';
}

void AppendTask(const TaskInfo& task, std::string& json) {
  absl::StrAppend(&json, "{\"id\":", task.id, ",\"parent\":", task.parent);
  Text(",\"name\":", task.name, json);
  Text(",\"file\":", task.file, json);
  absl::StrAppend(&json, ",\"line\":", task.line);
  Text(",\"function\":", task.function, json);
  Text(",\"state\":", kTaskStateNames[static_cast<size_t>(task.state)], json);
  absl::StrAppend(&json, ",\"in_state_us\":", Micros(task.in_state),
                  ",\"age_us\":", Micros(task.age), ",\"busy_us\":", Micros(task.busy),
                  ",\"queued_us\":", Micros(task.queued), ",\"idle_us\":", Micros(task.idle));
  absl::StrAppend(&json, ",\"longest_poll_us\":", Micros(task.longest_poll),
                  ",\"polls\":", task.polls, ",\"wakes\":", task.wakes);
  Text(",\"woken_by\":", WakerText(task.woken_by), json);
  absl::StrAppend(&json, ",\"worker\":", task.worker);
  List(",\"waits_for\":", task.waits_for, json,
       [&json](const std::string& wait) { Text("", wait, json); });
  Text(",\"resource\":", AddressText(task.resource), json);
  List(",\"spans\":", task.spans, json, [&json](const SpanInfo& span) {
    Text("{\"name\":", span.name, json);
    absl::StrAppend(&json, ",\"open_us\":", Micros(span.open), ",\"fields\":", span.fields, "}");
  });
  json += '}';
}

}  // namespace

std::string TaskListJson(const TaskList& list) {
  std::string json =
      absl::StrCat("{\"pid\":", getpid(), ",\"watched_us\":", Micros(list.watched),
                   ",\"tasks_total\":", list.tasks_total, ",\"slow_polls\":", list.slow_polls,
                   ",\"unwatched\":", list.unwatched);
  List(",\"tasks\":", list.tasks, json, [&json](const TaskInfo& task) { AppendTask(task, json); });
  absl::StrAppend(&json, ",\"resources_total\":", list.resources_total);
  List(",\"resources\":", list.resources, json, [&](const ResourceInfo& resource) {
    Text("{\"address\":", AddressText(resource.address), json);
    Text(",\"kind\":", resource.kind, json);
    Text(",\"name\":", resource.name, json);
    absl::StrAppend(&json, ",\"waiting\":", resource.waiting);
    List(",\"holders\":", resource.holders, json, [&](const ResourceInfo::Holder& holder) {
      absl::StrAppend(&json, "{\"task\":", holder.task);
      Text(",\"name\":", holder.name, json);
      absl::StrAppend(&json, ",\"count\":", holder.count, ",\"held_us\":", Micros(holder.held),
                      "}");
    });
    json += '}';
  });
  size_t bucket = 0;
  List(",\"poll_times\":", list.poll_times.counts, json, [&](uint64_t count) {
    const bool is_last = bucket + 1 == PollTimes::kBuckets;
    absl::StrAppend(&json, "{\"below_us\":",
                    is_last ? "null" : absl::StrCat(Micros(PollTimes::UpperEnd(bucket))),
                    ",\"count\":", count, "}");
    ++bucket;
  });
  return json + "}";
}

std::optional<std::string> TasksJson(RuntimeHandle runtime, const TaskQuery& query) {
  std::optional<TaskList> list = ListTasks(runtime, query);
  if (!list) return std::nullopt;
  return TaskListJson(*list);
}

}  // namespace sluice::core
