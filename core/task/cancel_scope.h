// Waiter: something a coroutine is suspended on; CancelScope: the part of a task that is told to
// give up together. Both live inside one task, so nothing here is atomic.
//
// A chain of coroutines that await each other is suspended on at most one waiter at a time; Join,
// Select and WithTimeout open one scope per branch. So a scope holds one pointer, and cancelling is
// a walk down a tree of the task's own frames:
//
//      scope of the task ── pending ──► Join ──► scope of branch 0 ── pending ──► recv
//                                           └──► scope of branch 1 ── pending ──► send
//
// Cancelling is a wish: every waiter still gets its one completion, which may be a success that was
// on its way. A scope stays cancelled: later waits in it end at once with ECANCELED, except those
// that clean up (RecvStream::Stop and the like), which do not register.
#ifndef SLUICE_CORE_TASK_CANCEL_SCOPE_H_
#define SLUICE_CORE_TASK_CANCEL_SCOPE_H_

#include <cstdint>

#include "core/base/check.h"
#include "core/task/runnable.h"

namespace sluice::core {

class Waiter : public Node {
 public:
  // Asks for an early end. Inside the task; at most once per wait. May resume nothing itself: the
  // end comes through the task's inbox like any other.
  virtual void Cancel() = 0;

 protected:
  ~Waiter() = default;
};

// One word: the waiter that a coroutine of the scope is suspended on, and whether it is cancelled.
class CancelScope {
 public:
  CancelScope() = default;
  CancelScope(const CancelScope&) = delete;
  CancelScope& operator=(const CancelScope&) = delete;

  bool cancelled() const { return (word_ & kCancelled) != 0; }

  void Cancel() {
    if (cancelled()) return;
    word_ |= kCancelled;
    if (Waiter* waiter = pending()) waiter->Cancel();
  }

  // Called by awaiters around their suspension.
  void Enter(Waiter& waiter) {
    SLUICE_DCHECK(pending() == nullptr);
    word_ |= reinterpret_cast<uintptr_t>(&waiter);
  }
  void Leave(Waiter& waiter) {
    SLUICE_DCHECK(pending() == &waiter);
    (void)waiter;
    word_ &= kCancelled;
  }

 private:
  static constexpr uintptr_t kCancelled = 1;
  static_assert(alignof(Waiter) > kCancelled);

  Waiter* pending() const { return reinterpret_cast<Waiter*>(word_ & ~kCancelled); }

  uintptr_t word_ = 0;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_CANCEL_SCOPE_H_
