// Notify: wakes tasks that wait for a change, one or all, and carries no value.
//
//     core::Notify work;                     // beside a queue with a lock of its own
//
//     queue.Push(job);                       // a producer, any thread
//     work.One();
//
//     while (true) {                         // a consumer
//       while (auto job = queue.Pop()) co_await Do(*job);
//       if (!(co_await work.Wait()).ok()) co_return;  // ECANCELED
//     }
//
// One wakes the task that has waited longest. If none waits it is kept, for the next wait: so a
// change that comes between looking and waiting is not missed. At most one is kept.
// All wakes those that wait now and keeps nothing. A wait counts from the call of Wait, not only
// from the co_await, so a change is not missed either if the wait is made before looking:
//
//     for (;;) {
//       auto change = state.Wait();
//       if (IsDone()) break;
//       (void)co_await change;               // ends if All came after the line of Wait
//     }
//
// Cancelled: the wait ends with ECANCELED. If a One had woken it already, that passes on to the
// next task that waits, or is kept: a task that gives up takes no wake-up with it.
//
// One word: whether one is kept, whether tasks wait, and how often All was called.
//
//          One                        a wait finds none kept: queues, under the mutex
//   KEPT ◄────── NONE ──────────────────────────────────────────────────────────────► WAITING
//     └─────────► ▲   the last one is woken or gives up, under the mutex                 │
//       a wait    └──────────────────────────────────────────────────────────────────────┘
//
// Invariants
//   N1  WAITING is set if and only if a task waits (while the mutex is free); KEPT is not set then.
//   N2  While WAITING is set only holders of the mutex change the word.
// Memory orders: every change of the word is a read-modify-write, or a release by a holder of the
// mutex, who has seen the changes before it. So all that was released into it is seen by a wait
// that takes what was kept (acquire) or finds that All has come (a fence).
// The semantics are those of Tokio's Notify.
//
// Threads: any; co_await inside a task. It outlives the tasks that wait for it.
// Checked by: tests/core/sync/notify_test.cc, tests/model (notify_model_test.cc and, with planted
// mistakes, notify_mutant_test.cc).
#ifndef SLUICE_CORE_SYNC_NOTIFY_H_
#define SLUICE_CORE_SYNC_NOTIFY_H_

#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "core/base/atomic.h"
#include "core/base/result.h"
#include "core/base/thread_mutex.h"
#include "core/sync/wait_list.h"

namespace sluice::core {

class Notify {
 public:
  Notify() = default;
  Notify(const Notify&) = delete;
  Notify& operator=(const Notify&) = delete;
  ~Notify();

  void One();
  void All();

  class Awaiter final : public WaitAwaiter {
   public:
    explicit Awaiter(Notify& notify)
        : notify_(notify), calls_of_all_(notify.state_.load(std::memory_order_acquire) >> kShift) {}

    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      return Suspend(handle, [this] {
        if (notify_.TakeKept(*this)) return GoOn();
        return notify_.Queue(*this) || GoOn();
      });
    }
    bool WouldWait() const {
      const uint64_t state = notify_.state_.load(std::memory_order_relaxed);
      return state >> kShift == calls_of_all_ && (state & kKept) == 0;
    }
    void Cancel() override { notify_.GiveUp(*this); }
    IoResult<void> await_resume() {
      Resumed();
      if (woken_by_ == WokenBy::kNothing) return IoError(ECANCELED);
      return {};
    }

   private:
    friend class Notify;
    enum class WokenBy : uint8_t { kNothing, kOne, kAll };

    Notify& notify_;
    const uint64_t calls_of_all_;  // until Wait
    WokenBy woken_by_ = WokenBy::kNothing;
  };

  // `IoResult<void> woken = co_await notify.Wait();`
  [[nodiscard]] Awaiter Wait() { return Awaiter(*this); }

  // For tests and logs: it may be another a moment later.
  size_t waiting() const ABSL_NO_THREAD_SAFETY_ANALYSIS { return waiters_.size(); }

 private:
  static constexpr uint64_t kWaiting = 1;
  static constexpr uint64_t kKept = 2;
  static constexpr int kShift = 2;  // above: how often All was called

  // Wakes it if one is kept or All has come since Wait.
  bool TakeKept(Awaiter& waiter);
  // Puts it into the queue; false: it is woken at once.
  bool Queue(Awaiter& waiter);
  void GiveUp(Awaiter& waiter);
  void WakeOneOrKeep(Woken& woken) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ClearWaitingIfEmpty() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Atomic<uint64_t> state_{0};
  ThreadMutex mutex_;
  WaitList<Awaiter> waiters_ ABSL_GUARDED_BY(mutex_){mutex_};
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SYNC_NOTIFY_H_
