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
#ifndef SLUICE_CORE_CANCEL_SCOPE_H_
#define SLUICE_CORE_CANCEL_SCOPE_H_

#include "core/check.h"
#include "core/runnable.h"

namespace sluice::core {

class Waiter : public Node {
 public:
  // Asks for an early end. Inside the task; at most once per wait. May resume nothing itself: the
  // end comes through the task's inbox like any other.
  virtual void Cancel() = 0;

 protected:
  ~Waiter() = default;
};

class CancelScope {
 public:
  CancelScope() = default;
  explicit CancelScope(const CancelScope* parent)
      : cancelled_(parent != nullptr && parent->cancelled_) {}
  CancelScope(const CancelScope&) = delete;
  CancelScope& operator=(const CancelScope&) = delete;

  bool cancelled() const { return cancelled_; }

  void Cancel() {
    if (cancelled_) return;
    cancelled_ = true;
    if (pending_ != nullptr) pending_->Cancel();
  }

  // Called by awaiters around their suspension.
  void Enter(Waiter& waiter) {
    SLUICE_DCHECK(pending_ == nullptr);
    pending_ = &waiter;
  }
  void Leave(Waiter& waiter) {
    SLUICE_DCHECK(pending_ == &waiter);
    (void)waiter;
    pending_ = nullptr;
  }

 private:
  Waiter* pending_ = nullptr;
  bool cancelled_ = false;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_CANCEL_SCOPE_H_
