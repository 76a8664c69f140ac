// Branches: what Join and Select have in common: starts the branches, counts them down, and cancels
// all of them when it is asked to.
//
//                                              the enclosing scope is cancelled, or
//                                              a branch has won: all scopes are cancelled
//                                                 ┌────┐
//                                                 │    ▼
//   STARTING ── each branch begins, in a scope ─► WAITING ── the last one ends ──► RESUMED
//       │       of its own                                                            ▲
//       └── all have ended already: the parent is not suspended ──────────────────────┘
#ifndef SLUICE_CORE_TASK_BRANCHES_H_
#define SLUICE_CORE_TASK_BRANCHES_H_

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "core/base/check.h"
#include "core/task/branch.h"
#include "core/task/cancel_scope.h"
#include "core/task/runnable.h"
#include "core/task/task.h"

namespace sluice::core::internal {

// The part that depends only on how many there are.
template <size_t kCount>
class BranchCounter : public Waiter, public ChildObserver {
 public:
  BranchCounter(const BranchCounter&) = delete;
  BranchCounter& operator=(const BranchCounter&) = delete;

  // Inside the task: the enclosing scope was cancelled, or a branch has won.
  void Cancel() final {
    for (CancelScope& scope : row_.scopes) scope.Cancel();
  }
  void OnReady() final { SLUICE_CHECK(false); }  // never posted
  const CancelScope* Below() const final { return row_.scopes.data(); }

 protected:
  explicit BranchCounter(bool cancel_rest) : cancel_rest_(cancel_rest) {}
  ~BranchCounter() = default;

  // `start(scopes, task)` starts all branches. False: all have finished already.
  template <typename Start>
  bool Run(std::coroutine_handle<> parent, Runnable* task, CancelScope* scope, Start start) {
    parent_ = parent;
    if (scope->cancelled()) Cancel();
    remaining_ = kCount + 1;  // one for this loop: the parent is not resumed from inside it
    scope->Enter(*this);
    row_.around = scope;
    start(row_.scopes, task);
    return --remaining_ != 0;
  }

  void Leave() { row_.around->Leave(*this); }

  // The branch that finished first.
  size_t first() const { return first_; }
  bool cancel_rest() const { return cancel_rest_; }

 private:
  // The branch that has finished, while it is the only one.
  virtual uint8_t FindDone() const = 0;

  std::coroutine_handle<> ChildDone() final {
    if (first_ == kCount) {
      first_ = FindDone();
      if (cancel_rest_) Cancel();
    }
    return --remaining_ == 0 ? parent_ : std::noop_coroutine();
  }

  static_assert(kCount < UINT8_MAX);
  uint8_t first_ = kCount;
  const bool cancel_rest_;
  uint8_t remaining_ = 0;
  ScopeRow<kCount> row_;
  std::coroutine_handle<> parent_;
};

// A: T& for an lvalue, T for an rvalue.
template <typename... A>
class Branches : public BranchCounter<sizeof...(A)> {
 public:
  using Values = std::tuple<typename Branch<A>::Value...>;

  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> parent) {
    PromiseBase& promise = parent.promise();
    return this->Run(parent, promise.task, promise.scope, [this](auto& scopes, Runnable* task) {
      this->StartAll(scopes, task, std::index_sequence_for<A...>());
    });
  }

 protected:
  Branches(bool cancel_rest, A&&... awaitables)
      : BranchCounter<sizeof...(A)>(cancel_rest), branches_(std::forward<A>(awaitables)...) {}
  ~Branches() = default;

  Values TakeValues() {
    this->Leave();
    return std::apply([](auto&... branches) { return Values(branches.TakeValue()...); }, branches_);
  }

 private:
  template <typename Scopes, size_t... kIndex>
  void StartAll(Scopes& scopes, Runnable* task, std::index_sequence<kIndex...>) {
    const size_t ready = FindReady(scopes[0].cancelled());
    (void)((kIndex == ready && (Start<kIndex>(scopes, task), true)) || ...);
    ((kIndex == ready ? void() : Start<kIndex>(scopes, task)), ...);
  }
  template <size_t kIndex, typename Scopes>
  void Start(Scopes& scopes, Runnable* task) {
    std::get<kIndex>(branches_).Start(task, &scopes[kIndex], *this);
  }

  // The one that is started first: that would go on at once, where those before it would do nothing
  // but wait, and be cancelled when it has won. Else 0.
  size_t FindReady(bool cancelled) const {
    if (!this->cancel_rest() || cancelled) return 0;
    size_t index = 0;
    bool ready = false;
    const auto look = [&](const auto& branch) {
      if constexpr (std::remove_cvref_t<decltype(branch)>::kTellsWhetherItWaits) {
        ready = !branch.WouldWait();
        if (!ready) ++index;
        return ready;
      } else {
        return true;  // it may do anything: it is not left for later
      }
    };
    std::apply([&look](const auto&... branches) { (void)(look(branches) || ...); }, branches_);
    return ready ? index : 0;
  }
  uint8_t FindDone() const final {
    return std::apply(
        [](const auto&... branches) {
          uint8_t index = 0;
          (void)((branches.done() || (++index, false)) || ...);
          return index;
        },
        branches_);
  }

  std::tuple<Branch<A>...> branches_;
};

}  // namespace sluice::core::internal

#endif  // SLUICE_CORE_TASK_BRANCHES_H_
