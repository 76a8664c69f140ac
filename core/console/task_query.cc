#include "core/console/task_query.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
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

bool IsBefore(TaskOrder order, const TaskInfo& a, const TaskInfo& b) {
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

size_t Select(const TaskQuery& query, TaskList& list) {
  if (!query.name.empty()) {
    std::erase_if(list.tasks, [&query](const TaskInfo& task) {
      return !absl::StrContains(task.name, query.name) &&
             !absl::StrContains(absl::StrCat(task.file, ":", task.line), query.name);
    });
  }
  std::ranges::sort(list.tasks, [&query](const TaskInfo& a, const TaskInfo& b) {
    return query.reversed ? IsBefore(query.order, b, a) : IsBefore(query.order, a, b);
  });
  const size_t all = list.tasks.size();
  if (all > query.limit) list.tasks.resize(query.limit);
  return all;
}

}  // namespace sluice::core
