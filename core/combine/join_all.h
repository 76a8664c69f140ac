// JoinAll: waits for any number of awaitables side by side, inside one task.
//
//     std::vector<Task<int>> parts;
//     for (const Page& page : pages) parts.push_back(Count(page));
//     std::vector<int> counts = co_await JoinAll(std::move(parts));   // in the order of the parts
//
// It is Join (core/task/join.h) for a number that is known only at run time: they begin in order
// when it is awaited, each in a cancel scope of its own; when the enclosing scope is cancelled, all
// of them are, and it still waits for each. So they may borrow what is around them. If some have
// thrown, the exception of the first of them, by its place, goes on when all have ended.
//
// One allocation for a few of them, besides the frames. There is no bound but the caller's vector:
// core/combine/run_with_limit.h has one. Threads: inside one task.
// Checked by: tests/core/combine/join_all_test.cc.
#ifndef SLUICE_CORE_COMBINE_JOIN_ALL_H_
#define SLUICE_CORE_COMBINE_JOIN_ALL_H_

#include <coroutine>
#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/task/awaitable.h"
#include "core/task/branch.h"
#include "core/task/cancel_scope.h"
#include "core/task/task.h"

namespace sluice::core {

template <Awaitable A>
class [[nodiscard]] JoinAllAwaiter final : public Waiter, private ChildObserver {
 public:
  explicit JoinAllAwaiter(std::vector<A> awaitables) {
    for (A& awaitable : awaitables) parts_.emplace_back(std::move(awaitable));
  }
  JoinAllAwaiter(const JoinAllAwaiter&) = delete;
  JoinAllAwaiter& operator=(const JoinAllAwaiter&) = delete;

  bool await_ready() const noexcept { return parts_.empty(); }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> parent) {
    PromiseBase& promise = parent.promise();
    parent_ = parent;
    scope_ = promise.scope;
    if (scope_->cancelled()) Cancel();
    remaining_ = parts_.size() + 1;  // one for this loop: the parent is not resumed from inside it
    scope_->Enter(*this);
    for (Part& part : parts_) {
      part.row.around = scope_;
      part.branch.Start(promise.task, part.row.scopes.data(), *this);
    }
    return --remaining_ != 0;
  }
  std::vector<AwaitValue<A>> await_resume() {
    if (scope_ != nullptr) scope_->Leave(*this);
    std::vector<AwaitValue<A>> values;
    values.reserve(parts_.size());
    for (Part& part : parts_) values.push_back(part.branch.TakeValue());
    return values;
  }

  void Cancel() override {
    for (Part& part : parts_) part.row.scopes[0].Cancel();
  }
  void OnReady() override { SLUICE_CHECK(false); }  // never posted
  // Of the first part that has not ended: its scope is a row of its own.
  const CancelScope* Below() const override {
    while (ended_ < parts_.size() && parts_[ended_].branch.done()) ++ended_;
    return ended_ < parts_.size() ? parts_[ended_].row.scopes.data() : nullptr;
  }

 private:
  struct Part {
    explicit Part(A&& awaitable) : branch(std::move(awaitable)) {}
    internal::Branch<A> branch;
    ScopeRow<1> row;
  };

  std::coroutine_handle<> ChildDone() override {
    return --remaining_ == 0 ? parent_ : std::noop_coroutine();
  }

  std::deque<Part> parts_;  // they cannot be moved
  size_t remaining_ = 0;
  mutable size_t ended_ = 0;  // so many have, from the first one on; as Below has found
  std::coroutine_handle<> parent_;
  CancelScope* scope_ = nullptr;
};

template <Awaitable A>
JoinAllAwaiter<A> JoinAll(std::vector<A> awaitables) {
  return JoinAllAwaiter<A>(std::move(awaitables));
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_COMBINE_JOIN_ALL_H_
