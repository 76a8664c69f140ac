// TaskRegistry: the tasks of a runtime that wait, so that all of them can be cancelled when it
// ends. Internal to the runtime, which has one unless RuntimeOptions::cancels_tasks is false.
//
//   spawned ── it is to begin, and closed() ──► does not begin; its outcome is cancelled
//      │
//      └── begins ── waits for the first time ──► Add: true ──► LISTED ── its end ──► Remove
//            │                                     │              │ CancelAll: aborts it, once
//            │ ends before that: never listed      │ false: CancelAll has been called
//            ▼                                     ▼
//          ENDED                             LISTED, and cancels its own scope
//
// So a task that never waits costs no lock. A doubly linked list for each worker, whose links are
// words of the task's control block. Adding and removing take one short lock each, as a rule that
// of the own worker.
//
// Invariants
//   G1  A listed task is alive: it is removed, under the lock, before its end is told.
//   G2  Every task that has begun when CancelAll returns has been aborted, or has ended, or is in
//       its first run, and aborts itself when it is to wait.
// Threads: any. Checked by: tests/core/runtime/runtime_test.cc (asan, tsan).
#ifndef SLUICE_CORE_RUNTIME_TASK_REGISTRY_H_
#define SLUICE_CORE_RUNTIME_TASK_REGISTRY_H_

#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "core/base/atomic.h"
#include "core/base/thread_mutex.h"

namespace sluice::core {

class RootBase;

class TaskRegistry {
 public:
  explicit TaskRegistry(uint32_t workers) : lists_(workers) {}

  // From CancelAll on: no task is to begin.
  bool closed() const { return closed_.load(std::memory_order_acquire); }

  // Inside the task, when it waits for the first time. Returns false if it is to cancel its scope.
  bool Add(RootBase& root);
  // Once, after Add.
  void Remove(RootBase& root);

  // Aborts all that wait; no other begins. As often as one likes.
  void CancelAll();

  // Calls `look` for each task that is listed: it holds a lock that their ends need.
  void ForEach(absl::FunctionRef<void(const RootBase&)> look);

 private:
  struct alignas(64) List {
    ThreadMutex mutex;
    RootBase* first ABSL_GUARDED_BY(mutex) = nullptr;
  };

  std::vector<List> lists_;
  Atomic<bool> closed_{false};  // set before the lists are walked: an Add behind that sees it
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_TASK_REGISTRY_H_
