// TaskTracker: waits until all tasks that it has spawned have ended, for servers that stop.
//
//     tracker.Spawn(Serve(connection)).Detach();     // as often as one likes
//     tracker.Close();
//     bool all_ended = co_await tracker.Wait();      // false: the scope was cancelled first
//
// Unlike a TaskGroup it may be waited for again and again, by several tasks, with a time-out, and
// hands out the handles. Wait ends when the tracker is closed and empty; a closed one still spawns.
//
// Threads: any. It outlives its tasks: a tracker that goes before them ends the process.
// Checked by: tests/core/runtime/join_set_test.cc.
#ifndef SLUICE_CORE_RUNTIME_TASK_TRACKER_H_
#define SLUICE_CORE_RUNTIME_TASK_TRACKER_H_

#include <coroutine>
#include <cstddef>
#include <source_location>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/runtime/handle.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/root.h"
#include "core/runtime/spawn.h"
#include "core/runtime/task_label.h"
#include "core/sync/wait_list.h"
#include "core/task/task.h"

namespace sluice::core {

class TaskTracker final : public TaskEndObserver {
 public:
  explicit TaskTracker(RuntimeHandle runtime) : runtime_(runtime) {}
  TaskTracker(const TaskTracker&) = delete;
  TaskTracker& operator=(const TaskTracker&) = delete;
  ~TaskTracker();

  template <typename T>
  JoinHandle<T> Spawn(Task<T> task,
                      const TaskLabel& label = {"", std::source_location::current()}) {
    TaskBegins();
    return SpawnOn(runtime_, nullptr, std::move(task), this, label);
  }

  void Close();
  size_t tasks() const;

  class WaitForAll final : public WaitAwaiter {
   public:
    explicit WaitForAll(TaskTracker& tracker) : tracker_(tracker) {}
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      return Suspend(handle, [this] { return tracker_.Queue(*this); });
    }
    bool await_resume() {
      Resumed();
      return ended_;
    }

   private:
    friend class TaskTracker;
    TaskTracker& tracker_;
    bool ended_ = false;
  };

  WaitForAll Wait() { return WaitForAll(*this); }

 private:
  bool Queue(WaitForAll& waiter);
  void TaskBegins();
  void TaskEnded() override;
  void WakeIfOver(Woken& woken) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const RuntimeHandle runtime_;
  mutable absl::Mutex mutex_;
  size_t tasks_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  WaitList<WaitForAll> waiting_ ABSL_GUARDED_BY(mutex_){mutex_};
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_TASK_TRACKER_H_
