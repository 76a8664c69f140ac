// How a Worker runs a task when the runtime watches its tasks.
#include "core/sched/worker.h"
#include "core/task/run_watcher.h"

namespace sluice::core {

// What runs the local tasks of a worker is a task that is not watched; they are.
Runnable::Outcome Worker::RunWatched(Runnable& task, int32_t& copied) {
  RunWatcher* const watcher = task.scheduler().watcher();
  if (watcher == nullptr) return task.Run(copied);
  RunWatcher* const before = RunWatcher::SetCurrent(watcher);
  const Runnable::Outcome outcome = task.RunWatched(*watcher, copied);
  RunWatcher::SetCurrent(before);
  return outcome;
}

}  // namespace sluice::core
