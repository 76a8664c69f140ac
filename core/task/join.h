// Join and Select: several coroutines side by side inside one task.
//
// `auto [a, b] = co_await Join(A(), B());` waits for all.
// `SelectResult r = co_await Select(A(), B());` waits for the first, asks the others to give up and
// waits for them too: each has finished with a value, because a loser may have won the race.
// A Task<void> brings a Unit. Nothing is allocated besides the coroutines' own frames.
#ifndef SLUICE_CORE_TASK_JOIN_H_
#define SLUICE_CORE_TASK_JOIN_H_

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>

#include "core/task/task.h"

namespace sluice::core {

template <typename... Values>
struct SelectResult {
  size_t first;  // index of the one that finished first
  std::tuple<Values...> values;
};

// The shared part: counts children down, and cancels all branches when asked to.
template <size_t kCount>
class Branches : public Waiter, public ChildObserver {
 public:
  // Inside the task: the enclosing scope was cancelled, or a branch has won.
  void Cancel() final {
    for (CancelScope& scope : scopes_) scope.Cancel();
  }
  void OnReady() final { SLUICE_CHECK(false); }  // never posted

 protected:
  ~Branches() = default;

  // `start(scopes, task)` starts all children. False: all have finished already.
  template <typename Start>
  bool Run(std::coroutine_handle<> parent, Runnable* task, CancelScope* scope, Start start) {
    parent_ = parent;
    if (scope->cancelled()) Cancel();
    remaining_ = kCount + 1;  // one for this loop: the parent is not resumed from inside it
    scope->Enter(*this);
    scope_ = scope;
    start(scopes_, task);
    return --remaining_ != 0;
  }

  void Leave() { scope_->Leave(*this); }

  // The child that has finished, while it is the only one.
  virtual uint8_t FindDone() const = 0;

  uint8_t first_ = kCount;
  bool cancel_rest_ = false;

 private:
  std::coroutine_handle<> ChildDone() final {
    if (first_ == kCount) {
      first_ = FindDone();
      if (cancel_rest_) Cancel();
    }
    return --remaining_ == 0 ? parent_ : std::noop_coroutine();
  }

  static_assert(kCount < UINT8_MAX);
  uint8_t remaining_ = 0;
  std::array<CancelScope, kCount> scopes_;
  std::coroutine_handle<> parent_;
  CancelScope* scope_ = nullptr;
};

template <bool kSelect, typename... T>
class [[nodiscard]] BranchAwaiter final : public Branches<sizeof...(T)> {
 public:
  explicit BranchAwaiter(Task<T>... tasks) : tasks_(std::move(tasks)...) {
    this->cancel_rest_ = kSelect;
  }

  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> parent) {
    PromiseBase& promise = parent.promise();
    return this->Run(parent, promise.task, promise.scope, [this](auto& scopes, Runnable* task) {
      this->StartAll(scopes, task, std::index_sequence_for<T...>());
    });
  }
  auto await_resume() {
    this->Leave();
    auto values = std::apply(
        [](auto&... tasks) { return std::tuple<typename Task<T>::Value...>(tasks.TakeValue()...); },
        tasks_);
    if constexpr (kSelect) {
      return SelectResult<typename Task<T>::Value...>{this->first_, std::move(values)};
    } else {
      return values;
    }
  }

 private:
  template <typename Array, size_t... kIndex>
  void StartAll(Array& scopes, Runnable* task, std::index_sequence<kIndex...>) {
    (std::get<kIndex>(tasks_).Start(task, &scopes[kIndex], *this), ...);
  }
  uint8_t FindDone() const override {
    return std::apply(
        [](const auto&... tasks) {
          uint8_t index = 0;
          (void)((tasks.done() || (++index, false)) || ...);
          return index;
        },
        tasks_);
  }

  std::tuple<Task<T>...> tasks_;
};

template <typename... T>
auto Join(Task<T>... tasks) {
  return BranchAwaiter<false, T...>(std::move(tasks)...);
}

template <typename... T>
auto Select(Task<T>... tasks) {
  return BranchAwaiter<true, T...>(std::move(tasks)...);
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_JOIN_H_
