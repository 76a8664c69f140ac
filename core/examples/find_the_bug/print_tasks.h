// PrintTasks: what each task of a runtime does, what it waits for, and who holds the locks.
//
//   task 3 (withdraw 10, lock_across_await.cc:69): waiting for 12 ms, for Event
//   task 4 (withdraw 20, lock_across_await.cc:71): waiting for 12 ms, for LockAwaiter<int>
//   balance: held by task 3 (withdraw 10), 1 waiting
//
// The runtime watches its tasks. From any thread, so also while every worker is stuck.
#ifndef SLUICE_CORE_EXAMPLES_FIND_THE_BUG_PRINT_TASKS_H_
#define SLUICE_CORE_EXAMPLES_FIND_THE_BUG_PRINT_TASKS_H_

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "core/sluice.h"

inline std::string NameOf(const sluice::core::TaskInfo& task) {
  const std::string file = task.file.substr(task.file.rfind('/') + 1);
  return "task " + std::to_string(task.id) + " (" + task.name + (task.name.empty() ? "" : ", ") +
         file + ":" + std::to_string(task.line) + ")";
}

inline void PrintTasks(sluice::core::RuntimeHandle runtime) {
  const std::optional<sluice::core::TaskList> list = sluice::core::ListTasks(runtime);
  if (!list.has_value()) return;
  for (const sluice::core::TaskInfo& task : list->tasks) {
    const std::string_view state = sluice::core::kTaskStateNames[static_cast<size_t>(task.state)];
    const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(task.in_state);
    std::string text =
        NameOf(task) + ": " + std::string(state) + " for " + std::to_string(since.count()) + " ms";
    for (const std::string& what : task.waits_for) text += ", for " + what;
    std::puts(text.c_str());
  }
  for (const sluice::core::ResourceInfo& resource : list->resources) {
    for (const sluice::core::ResourceInfo::Holder& holder : resource.holders) {
      std::printf("%s: held by task %llu (%s), %zu waiting\n", resource.name.c_str(),
                  static_cast<unsigned long long>(holder.task), holder.name.c_str(),
                  resource.waiting);
    }
  }
}

#endif  // SLUICE_CORE_EXAMPLES_FIND_THE_BUG_PRINT_TASKS_H_
