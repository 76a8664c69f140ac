// TaskLabel: who a task is, for those who look at the tasks of a runtime (task_list.h).
//
//     Spawn(Serve(connection));                    // known by the line that spawns it
//     Spawn(Serve(connection), {"connection"});    // ... and by a name
//
// A name is copied, up to TaskLabel::kMostOfName bytes, when the runtime watches its tasks; else a
// label costs nothing.
#ifndef SLUICE_CORE_RUNTIME_TASK_LABEL_H_
#define SLUICE_CORE_RUNTIME_TASK_LABEL_H_

#include <cstddef>
#include <source_location>
#include <string_view>

namespace sluice::core {

class RootBase;
class TaskWatch;

struct TaskLabel {
  static constexpr size_t kMostOfName = 32;

  // `where`: of the line that spawns it.
  TaskLabel(std::string_view name = {},
            std::source_location where = std::source_location::current())
      : name(name), where(where) {}
  TaskLabel(const char* name, std::source_location where = std::source_location::current())
      : name(name), where(where) {}

  std::string_view name;
  std::source_location where;
};

namespace internal {

// Has `watch` watch a task that has been launched and is in no run queue. Out of line.
void WatchTask(TaskWatch& watch, RootBase& task, const TaskLabel& label);

}  // namespace internal

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_TASK_LABEL_H_
