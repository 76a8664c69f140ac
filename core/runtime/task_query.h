// TaskQuery: which tasks of a runtime are wanted, and in which order.
//
//     ?order=busy&limit=20&name=session        what a request says; all of it may be left out
//
//     TaskQuery query = {.limit = 20, .order = TaskOrder::kBusy};
//     std::optional<TaskList> list = ListTasks(runtime.handle(), query);
//
// Checked by: tests/core/runtime/task_query_test.cc.
#ifndef SLUICE_CORE_RUNTIME_TASK_QUERY_H_
#define SLUICE_CORE_RUNTIME_TASK_QUERY_H_

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

  size_t limit = 1000;  // of tasks, and of resources
  TaskOrder order = TaskOrder::kId;
  bool reversed = false;
  std::string name = {};  // that has this in it; or the place where it was spawned has

  // One parameter of a request; a sentence about what is wrong with it.
  absl::Status Set(std::string_view key, std::string_view value);

  // Of a task that was spawned at `file`:`line`.
  bool Fits(std::string_view task_name, std::string_view file, uint32_t line) const;
  // Looks at numbers only.
  bool IsBefore(const TaskInfo& a, const TaskInfo& b) const;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_TASK_QUERY_H_
