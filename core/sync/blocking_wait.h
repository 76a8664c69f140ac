// BlockingWait: how a plain thread, one that runs no tasks, waits in a WaitList. Internal: the
// blocking ends of the channels are made of it.
//
//     BlockingWait<ItemWait<T>> wait(...);                      // ItemWait: a WaitAwaiter
//     wait.Run([&] { return channel.ReceiveOrQueue(wait); });   // as the queue() of Suspend
//
// The list knows tasks, so the thread is one while it waits: a BlockedThread is a Runnable whose
// scheduler wakes the thread, and the thread then runs it.
//
//            queue() is true                     posted: Schedule wakes the thread
//   RUNS ───────────────────────► SLEEPS ───────────────────────────────► RUNS, OnReady
//     └── queue() is false: there is nothing to wait for ──► RUNS
//
// Errors: a thread of a runtime may not block, for its other tasks would block with it: that is a
// failed check. Nothing cuts the wait short but the other end of the channel.
// Threads: one; what it waits for is posted by any.
// Checked by: tests/core/sync/oneshot_test.cc, tests/core/sync/mpsc_test.cc.
#ifndef SLUICE_CORE_SYNC_BLOCKING_WAIT_H_
#define SLUICE_CORE_SYNC_BLOCKING_WAIT_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/check.h"
#include "core/sync/wait_list.h"
#include "core/task/node_queue.h"
#include "core/task/runnable.h"

namespace sluice::core::internal {

class BlockedThread final : private Scheduler, public Runnable {
 public:
  BlockedThread();
  ~BlockedThread();

  // Sleeps until an OnReady has set `done`.
  void SleepUntil(const bool& done);

 private:
  // The first event of a Runnable, which is handled at once: then it is idle.
  struct Nothing final : Node {
    void OnReady() override {}
  };

  void Schedule(Runnable& runnable) override;
  void Finish() override { SLUICE_CHECK(false); }  // it is never marked as done

  Nothing nothing_;
  absl::Mutex mutex_;
  bool scheduled_ ABSL_GUARDED_BY(mutex_) = false;
};

// Wait: a WaitAwaiter.
template <typename Wait>
class BlockingWait final : public Wait {
 public:
  using Wait::Wait;

  // `queue()` puts this into a list, or returns false: there is nothing to wait for.
  template <typename Queue>
  void Run(Queue queue) {
    BlockedThread thread;
    this->Prepare(thread);
    if (queue()) thread.SleepUntil(done_);
  }

  void OnReady() override { done_ = true; }

 private:
  bool done_ = false;
};

}  // namespace sluice::core::internal

#endif  // SLUICE_CORE_SYNC_BLOCKING_WAIT_H_
