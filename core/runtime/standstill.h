// Standstill: between two BlockOns no worker of a runtime runs anything. Internal.
//
// The calling thread is worker 0 and has left its loop. Each other worker finds a small task in its
// mailbox, which no other worker takes, and that task holds its thread:
//
//      RUNS ── Begin: the task is posted, the worker takes it after its running one ──► HELD
//        ▲                                                                               │
//        └──────────────────────────────────── End ──────────────────────────────────────┘
//
// So the loop of a worker knows nothing of it. Queues, timers and operations of the kernel stay as
// they are; what comes meanwhile is found by the first turn of the reactor.
//
// A worker that finds nothing left to do while the runtime ends leaves its loop: its task stays in
// the mailbox.
//
// Threads: the one that runs worker 0; Leave: any. Checked by: tests/core/runtime/block_on_test.cc.
#ifndef SLUICE_CORE_RUNTIME_STANDSTILL_H_
#define SLUICE_CORE_RUNTIME_STANDSTILL_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/sched/shared.h"

namespace sluice::core {

class Standstill {
 public:
  // When all workers have been made.
  explicit Standstill(Shared& shared);
  Standstill(const Standstill&) = delete;
  Standstill& operator=(const Standstill&) = delete;
  ~Standstill();

  // Returns when the others are held, or have left their loops for good.
  void Begin();
  void End();
  // By the thread of a worker that has left its loop for good.
  void Leave();

 private:
  class Holder;

  void Hold(Holder& holder);

  absl::Mutex mutex_;
  bool holds_ ABSL_GUARDED_BY(mutex_) = false;
  uint32_t held_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t left_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<Holder>> holders_;  // one for each worker but the first
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_STANDSTILL_H_
