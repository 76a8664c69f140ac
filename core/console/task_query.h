// TaskQuery: which tasks of a list are wanted, and in which order.
//
//     ?order=busy&limit=20&name=session        what a request says; all of it may be left out
//
// Checked by: tests/core/console/task_json_test.cc.
#ifndef SLUICE_CORE_CONSOLE_TASK_QUERY_H_
#define SLUICE_CORE_CONSOLE_TASK_QUERY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "core/runtime/task_list.h"

namespace sluice::core {

// The first are those that people look for: the largest of each, and the oldest.
enum class TaskOrder : uint8_t { kId, kAge, kBusy, kQueued, kLongest, kPolls, kWakes, kState };
// In the state that it is in, the longest first; running before ready before waiting.
inline constexpr std::string_view kTaskOrderNames[] = {"id",      "age",   "busy",  "queued",
                                                       "longest", "polls", "wakes", "state"};

struct TaskQuery {
  static constexpr size_t kMostTasks = 100'000;

  size_t limit = 1000;
  TaskOrder order = TaskOrder::kId;
  bool reversed = false;
  std::string name = {};  // that has this in it; or the place where it was spawned has

  // One parameter of a request; a sentence about what is wrong with it.
  absl::Status Set(std::string_view key, std::string_view value);
};

// Sorts the tasks and keeps those that are wanted. Returns how many fit `name`.
size_t Select(const TaskQuery& query, TaskList& list);

}  // namespace sluice::core

#endif  // SLUICE_CORE_CONSOLE_TASK_QUERY_H_
