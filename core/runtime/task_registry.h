// TaskRegistry: the tasks of a runtime that run or wait, so that all of them can be cancelled when
// it ends. Internal to the runtime, which has one unless RuntimeOptions::cancels_tasks is false.
//
//   spawned ── it is to begin ──► Add: true ──► LISTED ── its end is told ──► Remove
//                                   │             │ CancelAll: aborts it, once
//                                   │ false: CancelAll has been called
//                                   ▼
//                               does not begin; its outcome is cancelled
//
// A doubly linked list for each worker, whose links are words of the root that it does not use
// while it runs: a listed task is no byte larger. Adding and removing take one short lock each, as
// a rule that of the own worker.
//
// Invariants
//   G1  A listed task is alive: it is removed, under the lock, before its end is told.
//   G2  Every task that has begun when CancelAll returns has been aborted, or has ended.
// Threads: any. Checked by: tests/core/runtime/runtime_test.cc (asan, tsan).
#ifndef SLUICE_CORE_RUNTIME_TASK_REGISTRY_H_
#define SLUICE_CORE_RUNTIME_TASK_REGISTRY_H_

#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"

namespace sluice::core {

class RootBase;

class TaskRegistry {
 public:
  explicit TaskRegistry(uint32_t workers) : lists_(workers) {}

  // Inside the task. Returns false if it is not to begin.
  bool Add(RootBase& root);
  // Once, after Add has returned true.
  void Remove(RootBase& root);

  // Aborts all that have begun; no other begins. As often as one likes.
  void CancelAll();

  // Calls `look` for each task that is listed: it holds a lock that their ends need.
  void ForEach(absl::FunctionRef<void(const RootBase&)> look);

 private:
  struct alignas(64) List {
    absl::Mutex mutex;
    RootBase* first ABSL_GUARDED_BY(mutex) = nullptr;
    bool closed ABSL_GUARDED_BY(mutex) = false;
  };

  std::vector<List> lists_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_TASK_REGISTRY_H_
