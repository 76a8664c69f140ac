// Branch<A>: one of the awaitables that Join and Select wait for side by side.
//
// A Task is a coroutine already: it is started as part of the task, and its promise keeps its
// value. Any other awaitable wants to be told which coroutine waits for it, and there is none: the
// parent waits for all branches at once. It gets the handle of a BranchFrame, which is no coroutine
// but looks like one: for GCC, Clang and MSVC a coroutine_handle points to the function that
// resumes, the function that destroys, and the promise behind them. So a branch costs neither an
// allocation nor a frame of its own. tests/core/task/select_test.cc holds the layout against a real
// coroutine.
//
//   Start ── await_ready or await_suspend say that there is nothing to wait for ──┐
//     └────► SUSPENDED ── the awaitable resumes the handle, inside the task ──────┴─► await_resume
//                                     at once, as in a co_await; its value is kept; observer told
//
// Threads: inside one task. An awaitable that would resume on another thread may not be a branch.
#ifndef SLUICE_CORE_TASK_BRANCH_H_
#define SLUICE_CORE_TASK_BRANCH_H_

#include <coroutine>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/base/check.h"
#include "core/task/awaitable.h"
#include "core/task/cancel_scope.h"
#include "core/task/runnable.h"
#include "core/task/task.h"

namespace sluice::core::internal {

struct BranchPromise : AwaitedPromise {};

class BranchFrame {
 public:
  using Function = void (*)(BranchFrame*);

  std::coroutine_handle<BranchPromise> handle() {
    const auto handle = std::coroutine_handle<BranchPromise>::from_promise(promise_);
    SLUICE_DCHECK(handle.address() == this);
    return handle;
  }

 protected:
  // The compiler calls what a frame begins with by a convention of its own. In machine code it is
  // the same as that of a function of one argument, but an optimiser that saw which function it is
  // (with LTO) would take such a call for one that cannot happen: it is not to see that.
  explicit BranchFrame(Function resume) : resume_(resume) { asm("" : "+r"(resume_)); }
  ~BranchFrame() { (void)promise_.TakeException(); }

  // Null when done, as for a coroutine: coroutine_handle::done() looks at it.
  Function resume_;
  const Function destroy_ = [](BranchFrame*) { SLUICE_CHECK(false); };  // it is not the handle's
  BranchPromise promise_;
};
static_assert(alignof(BranchPromise) <= 2 * sizeof(void*));  // then nothing lies before the promise

template <typename A>
class Branch final : private BranchFrame {
 public:
  using Value = AwaitValue<A>;

  explicit Branch(A&& awaitable)
      : BranchFrame([](BranchFrame* frame) { static_cast<Branch*>(frame)->Finish(); }),
        held_(std::forward<A>(awaitable)),
        awaiter_(GetAwaiter(held_.get())) {}
  Branch(const Branch&) = delete;
  Branch& operator=(const Branch&) = delete;

  // Nothing may be thrown here: branches that have been started would be left without an owner.
  void Start(Runnable* task, CancelScope* scope, ChildObserver& observer) noexcept {
    promise_.task = task;
    promise_.scope = scope;
    promise_.successor.Set(observer);
    if (awaiter_.await_ready()) return Finish();
    using Suspended = decltype(awaiter_.await_suspend(handle()));
    if constexpr (std::is_void_v<Suspended>) {
      awaiter_.await_suspend(handle());
    } else if constexpr (std::is_same_v<Suspended, bool>) {
      if (!awaiter_.await_suspend(handle())) Finish();
    } else {
      awaiter_.await_suspend(handle()).resume();
    }
  }

  bool done() const { return resume_ == nullptr; }

  // Whether it would do nothing but wait if it were started now; and whether it can tell that.
  static constexpr bool kTellsWhetherItWaits =
      requires(const std::remove_reference_t<AwaiterOf<A>>& awaiter) { awaiter.WouldWait(); };
  bool WouldWait() const {
    if constexpr (kTellsWhetherItWaits) return awaiter_.WouldWait();
    return false;
  }

  Value TakeValue() {
    promise_.RethrowIfFailed();
    return *std::move(value_);
  }

 private:
  void Finish() noexcept {
    try {
      if constexpr (std::is_void_v<decltype(awaiter_.await_resume())>) {
        awaiter_.await_resume();
        value_.emplace();
      } else {
        value_.emplace(awaiter_.await_resume());
      }
    } catch (...) {
      promise_.unhandled_exception();
    }
    resume_ = nullptr;
    promise_.successor.Next().resume();  // the parent, perhaps: then this is gone
  }

  HeldAwaitable<A> held_;
  AwaiterOf<A> awaiter_;  // or a reference to what is held
  std::optional<Value> value_;
};

template <typename T>
class Branch<Task<T>> final {
 public:
  using Value = typename Task<T>::Value;

  explicit Branch(Task<T>&& task) : task_(std::move(task)) {}
  Branch(const Branch&) = delete;
  Branch& operator=(const Branch&) = delete;
  ~Branch() { task_.DropException(); }

  void Start(Runnable* task, CancelScope* scope, ChildObserver& observer) {
    task_.Start(task, scope, observer);
  }
  bool done() const { return task_.done(); }
  static constexpr bool kTellsWhetherItWaits = false;  // its code begins
  bool WouldWait() const { return false; }
  Value TakeValue() { return task_.TakeValue(); }

 private:
  Task<T> task_;
};

template <typename T>
class Branch<Task<T>&> {
  static_assert(sizeof(T) == 0, "a Task is handed over: std::move it");
};

}  // namespace sluice::core::internal

#endif  // SLUICE_CORE_TASK_BRANCH_H_
