// LocalQueue: the tasks of one worker that never leave it. Internal: see spawn_local.h.
//
// For the worker it is one task among its others, which no worker steals because it comes through
// the mailbox. A run of it is a batch of runs of local tasks, first in, first out:
//
//             Schedule (first)                  the worker
//   IDLE ─────────────────────► SCHEDULED ─────────────────────► BATCH: runs up to kMostOfBatch
//    ▲                              ▲                                │
//    │                              └── gives way: tasks are left ───┤
//    └──────────────────────────────── none is left ────────────────┘
//
// So the loop of a worker knows nothing of local tasks, and they have the turns of one task for
// each batch: neither kind starves the other. What a batch copies is counted as that task's.
//
// Scheduling on the own worker takes no lock; from other threads it goes through a queue that has
// one. The thread that sets scheduled_ posts the batch, which clears it before it looks at the
// queues: one exchange comes after the other, so either the batch sees the task, or the thread that
// has queued it sees the flag cleared and posts again.
//
// Threads: Schedule any; the rest the worker's. Checked by: tests/core/runtime/spawn_local_test.cc
// (tsan), tests/model.
#ifndef SLUICE_CORE_RUNTIME_LOCAL_QUEUE_H_
#define SLUICE_CORE_RUNTIME_LOCAL_QUEUE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/atomic.h"
#include "core/sched/inject_queue.h"
#include "core/sched/shared.h"
#include "core/sched/worker.h"
#include "core/task/node_queue.h"
#include "core/task/runnable.h"

namespace sluice::core {

class LocalQueue final : public Scheduler, private Node {
 public:
  LocalQueue(Shared& shared, Worker& worker);
  LocalQueue(const LocalQueue&) = delete;
  LocalQueue& operator=(const LocalQueue&) = delete;
  ~LocalQueue();

  void Schedule(Runnable& task) override;

  // When the worker has ended: the oldest task that came from another thread, or null.
  Runnable* PopRemote() { return remote_.Pop(); }

 private:
  class Batch;

  static constexpr int kMostOfBatch = 16;

  void OnReady() override;
  Runnable* Next();
  bool empty() const { return first_ == nullptr && remote_.empty(); }
  void Push(Runnable& task);

  Worker& worker_;
  std::unique_ptr<Batch> batch_;  // what the worker runs
  Runnable* first_ = nullptr;     // by queue_next
  Runnable* last_ = nullptr;      // valid while first_ is not null
  bool look_at_remote_ = false;   // next
  bool in_batch_ = false;
  InjectQueue remote_;  // from other threads
  Atomic<bool> scheduled_{false};
};

// One for each worker of a runtime.
using LocalQueues = std::vector<std::unique_ptr<LocalQueue>>;

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_LOCAL_QUEUE_H_
