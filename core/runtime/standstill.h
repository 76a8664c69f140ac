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
// Threads: the one that runs worker 0. Checked by: tests/core/runtime/block_on_test.cc.
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

  // Returns when the others are held.
  void Begin();
  void End();

 private:
  class Holder;

  void Hold();

  absl::Mutex mutex_;
  bool holds_ ABSL_GUARDED_BY(mutex_) = false;
  uint32_t held_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<Holder>> holders_;  // one for each worker but the first
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_STANDSTILL_H_
