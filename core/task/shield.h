// Shield: awaits something that is not to be cut short, whatever becomes of the one that awaits.
//
//     co_await Shield(connection.Send(goodbye));   // also when the task has been cancelled
//
// It runs in a cancel scope of its own, which nothing cancels: bound it (WithTimeout) where it may
// last. It brings what the awaitable brings, Unit for void.
//
// Threads: inside one task.
// Checked by: tests/core/task/yield_test.cc.
#ifndef SLUICE_CORE_TASK_SHIELD_H_
#define SLUICE_CORE_TASK_SHIELD_H_

#include <coroutine>
#include <utility>

#include "core/task/awaitable.h"
#include "core/task/branch.h"
#include "core/task/cancel_scope.h"
#include "core/task/task.h"

namespace sluice::core {

template <typename A>
class [[nodiscard]] ShieldAwaiter final : private ChildObserver {
 public:
  explicit ShieldAwaiter(A&& awaitable) : branch_(std::forward<A>(awaitable)) {}
  ShieldAwaiter(const ShieldAwaiter&) = delete;
  ShieldAwaiter& operator=(const ShieldAwaiter&) = delete;

  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> parent) {
    row_.around = parent.promise().scope;
    branch_.Start(parent.promise().task, row_.scopes.data(), *this);
    if (branch_.done()) return false;
    parent_ = parent;
    return true;
  }
  AwaitValue<A> await_resume() { return branch_.TakeValue(); }

 private:
  // While it is being started the parent goes on by itself.
  std::coroutine_handle<> ChildDone() override {
    return parent_ ? parent_ : std::coroutine_handle<>(std::noop_coroutine());
  }

  internal::Branch<A> branch_;
  ScopeRow<1> row_;
  std::coroutine_handle<> parent_;
};

// A task or another awaitable that can be moved is moved into it; any other must live until it has
// been awaited.
template <Awaitable A>
ShieldAwaiter<A> Shield(A&& awaitable) {
  return ShieldAwaiter<A>(std::forward<A>(awaitable));
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_SHIELD_H_
