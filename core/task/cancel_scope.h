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
// Upwards a scope leads to the one around it, for task-local values (task_local.h), and no scope
// has a word for that: two bits of its one word say where the pointer is. Scopes of branches lie in
// a ScopeRow, whose last word it is:
//
//      [ scope, in row ][ scope, in row ][ scope, end of row ][ around ]
//
// Cancelling is a wish: every waiter still gets its one completion, which may be a success that was
// on its way. A scope stays cancelled: later waits in it end at once with ECANCELED, except those
// that clean up (RecvStream::Stop and the like), which do not register.
#ifndef SLUICE_CORE_TASK_CANCEL_SCOPE_H_
#define SLUICE_CORE_TASK_CANCEL_SCOPE_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/base/check.h"
#include "core/task/runnable.h"

namespace sluice::core {

class CancelScope;

class Waiter : public Node {
 public:
  // Asks for an early end. Inside the task; at most once per wait. May resume nothing itself: the
  // end comes through the task's inbox like any other.
  virtual void Cancel() = 0;

  // For those who look inside (core/runtime/task_list.h), while its task runs. The scope in which
  // runs what it waits for, the first one of a row; null: it waits for no code of the task.
  virtual const CancelScope* Below() const { return nullptr; }
  // The address of what it waits for, if others may have it or wait for it, too; or null.
  virtual const void* Resource() const { return nullptr; }

 protected:
  ~Waiter() = default;
};

// One word: the waiter that a coroutine of the scope is suspended on, whether it is cancelled, and
// where the scope around it is found.
class CancelScope {
 public:
  // By two bits of the word.
  enum class Place : uintptr_t {
    kOutermost = 0,   // there is none: the task's own
    kInRow = 2,       // the next word is a scope of the same row
    kEndOfRow = 4,    // the next word is a pointer to it
    kWithValues = 6,  // this is a ValueScope, which knows (task_local.h)
  };

  CancelScope() = default;
  explicit CancelScope(Place place) : word_(static_cast<uintptr_t>(place)) {}
  CancelScope(const CancelScope&) = delete;
  CancelScope& operator=(const CancelScope&) = delete;

  bool cancelled() const { return (word_ & kCancelled) != 0; }
  Place place() const { return static_cast<Place>(word_ & kPlace); }
  // What its code is suspended on; or null.
  Waiter* pending() const { return reinterpret_cast<Waiter*>(word_ & ~kMarks); }

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
    word_ &= kMarks;
  }

 private:
  template <size_t kCount>
  friend struct ScopeRow;

  static constexpr uintptr_t kCancelled = 1;
  static constexpr uintptr_t kPlace = 6;
  static constexpr uintptr_t kMarks = kCancelled | kPlace;
  static_assert(alignof(Waiter) > kMarks);

  uintptr_t word_ = 0;
};

// The scopes of what runs side by side, and behind them the one around them all: the scope of the
// coroutine that waits for them. Null while none does.
template <size_t kCount>
struct ScopeRow {
  ScopeRow() {
    for (CancelScope& scope : scopes)
      scope.word_ = static_cast<uintptr_t>(CancelScope::Place::kInRow);
    scopes[kCount - 1].word_ = static_cast<uintptr_t>(CancelScope::Place::kEndOfRow);
  }
  explicit ScopeRow(CancelScope& the_one_around) : ScopeRow() { around = &the_one_around; }
  ScopeRow(const ScopeRow&) = delete;
  ScopeRow& operator=(const ScopeRow&) = delete;

  std::array<CancelScope, kCount> scopes;
  CancelScope* around = nullptr;
};
static_assert(sizeof(ScopeRow<3>) == 4 * sizeof(void*));

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_CANCEL_SCOPE_H_
