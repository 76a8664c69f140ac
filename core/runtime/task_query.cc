#include "core/runtime/task_query.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::core {
namespace {

// What is sorted by, the largest first.
int64_t KeyOf(TaskOrder order, const TaskInfo& task) {
  switch (order) {
    case TaskOrder::kAge:
      return task.age.count();
    case TaskOrder::kBusy: {
      const bool runs = task.state == TaskState::kRunning;
      return (task.busy + (runs ? task.in_state : Duration(0))).count();
    }
    case TaskOrder::kQueued:
      return task.queued.count();
    case TaskOrder::kLongest: {
      const bool runs = task.state == TaskState::kRunning;
      return std::max(task.longest_poll, runs ? task.in_state : Duration(0)).count();
    }
    case TaskOrder::kPolls:
      return static_cast<int64_t>(task.polls);
    case TaskOrder::kWakes:
      return static_cast<int64_t>(task.wakes);
    case TaskOrder::kId:
    case TaskOrder::kState:
      break;
  }
  return 0;
}

int RankOf(TaskState state) {
  return state == TaskState::kRunning ? 0 : state == TaskState::kReady ? 1 : 2;
}

bool ComesFirst(TaskOrder order, const TaskInfo& a, const TaskInfo& b) {
  if (order == TaskOrder::kState) {
    if (a.state != b.state) return RankOf(a.state) < RankOf(b.state);
    if (a.in_state != b.in_state) return a.in_state > b.in_state;
  }
  const int64_t left = KeyOf(order, a);
  const int64_t right = KeyOf(order, b);
  return left != right ? left > right : a.id < b.id;
}

}  // namespace

absl::Status TaskQuery::Set(std::string_view key, std::string_view value) {
  if (key == "name") {
    name = std::string(value);
    return absl::OkStatus();
  }
  if (key == "order") {
    const auto* const found = std::ranges::find(kTaskOrderNames, value);
    if (found == std::end(kTaskOrderNames)) {
      return absl::InvalidArgumentError(
          "order is one of id, age, busy, queued, longest, polls, wakes, state");
    }
    order = static_cast<TaskOrder>(found - std::begin(kTaskOrderNames));
    return absl::OkStatus();
  }
  if (key == "reversed") {
    if (value != "true" && value != "false") {
      return absl::InvalidArgumentError("reversed is true or false");
    }
    reversed = value == "true";
    return absl::OkStatus();
  }
  if (key == "limit") {
    uint64_t number = 0;
    if (!absl::SimpleAtoi(std::string(value), &number) || number > kMostTasks) {
      return absl::InvalidArgumentError(absl::StrCat("limit is a number from 0 to ", kMostTasks));
    }
    limit = number;
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("there is no parameter ",
                                                 std::string(key.substr(0, 32)),
                                                 "; there are name, order, reversed and limit"));
}

// As if it looked for `name` in "FILE:LINE"; it allocates nothing, for it is asked of each task.
bool TaskQuery::Fits(std::string_view task_name, std::string_view file, uint32_t line) const {
  const std::string_view wanted = name;
  if (task_name.find(wanted) != std::string_view::npos) return true;
  if (file.find(wanted) != std::string_view::npos) return true;
  const std::string end = absl::StrCat(":", line);  // short: it lies in the object
  if (end.find(wanted) != std::string::npos) return true;
  for (size_t at = wanted.find(':'); at != std::string_view::npos; at = wanted.find(':', at + 1)) {
    if (file.ends_with(wanted.substr(0, at)) && end.starts_with(wanted.substr(at))) return true;
  }
  return false;
}

bool TaskQuery::IsBefore(const TaskInfo& a, const TaskInfo& b) const {
  return reversed ? ComesFirst(order, b, a) : ComesFirst(order, a, b);
}

}  // namespace sluice::core
