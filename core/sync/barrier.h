// Barrier: tasks wait for each other, again and again: each until as many as it counts have come.
//
//     core::Barrier round(workers);
//
//     while (work.HasNext()) {
//       work.Do();
//       auto leads = co_await round.Wait();  // until all have done their part
//       if (!leads.ok()) co_return;          // ECANCELED
//       if (*leads) work.MergeResults();     // true for one of each round: the last that came
//     }
//
// What the tasks of a round did before Wait is seen by all of them behind it. A task whose scope is
// cancelled while it waits gives up and is not counted; the others wait for one in its place. If
// the last one had come already the round is over, and the wait ends with its result.
//
// Threads: any; Wait inside a task. It outlives the tasks that wait for it.
// Checked by: tests/core/sync/barrier_test.cc.
#ifndef SLUICE_CORE_SYNC_BARRIER_H_
#define SLUICE_CORE_SYNC_BARRIER_H_

#include <cerrno>
#include <coroutine>
#include <cstddef>

#include "absl/base/thread_annotations.h"
#include "core/base/result.h"
#include "core/base/thread_mutex.h"
#include "core/sync/wait_list.h"

namespace sluice::core {

class Barrier {
 public:
  // `count`: how many a round waits for; at least 1.
  explicit Barrier(size_t count);
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;
  ~Barrier();

  class Awaiter final : public WaitAwaiter {
   public:
    explicit Awaiter(Barrier& barrier) : barrier_(barrier) {}

    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      return Suspend(handle, [this] {
        if (barrier_.Queue(*this)) return true;
        leads_ = passed_ = true;
        return GoOn();
      });
    }
    IoResult<bool> await_resume() {
      Resumed();
      if (!passed_) return IoError(ECANCELED);
      return leads_;
    }

   private:
    friend class Barrier;
    Barrier& barrier_;
    bool passed_ = false;
    bool leads_ = false;
  };

  // `IoResult<bool> leads = co_await barrier.Wait();`
  [[nodiscard]] Awaiter Wait() { return Awaiter(*this); }

  // For tests and logs: how many have come to this round; it may be another a moment later.
  size_t waiting() const ABSL_NO_THREAD_SAFETY_ANALYSIS { return waiters_.size(); }

 private:
  // Puts it into the queue; false: it is the last one, and all others are on their way.
  bool Queue(Awaiter& waiter);

  const size_t count_;
  ThreadMutex mutex_;
  WaitList<Awaiter> waiters_ ABSL_GUARDED_BY(mutex_){mutex_};
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SYNC_BARRIER_H_
