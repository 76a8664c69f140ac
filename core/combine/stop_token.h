// UntilStopped and StopRequested: a std::stop_token of foreign code cancels what a task awaits.
//
//     void Serve(std::stop_token stop) {          // such as that of a std::jthread
//       ...
//       std::optional<Job> job = co_await UntilStopped(stop, jobs.Next());
//       if (!job) co_return;                      // stopped
//
//   UntilStopped(token, a)   cancels `a` when a stop is requested and waits for it; brings what it
//                            brought, or nothing if it gave up (core/task/gave_up.h)
//   StopRequested(token)     brings true once a stop has been requested, false if its scope was
//                            cancelled first; for a Select
//
// A token without a source, or whose last source has gone, never stops anything.
//
// request_stop() may be called on any thread. It runs a callback there that wakes the task and does
// nothing else. Threads: the co_await inside a task.
// Checked by: tests/core/combine/stop_token_test.cc.
#ifndef SLUICE_CORE_COMBINE_STOP_TOKEN_H_
#define SLUICE_CORE_COMBINE_STOP_TOKEN_H_

#include <coroutine>
#include <optional>
#include <stop_token>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/sync/wait_list.h"
#include "core/task/awaitable.h"
#include "core/task/gave_up.h"
#include "core/task/outcome.h"
#include "core/task/select.h"
#include "core/task/task.h"

namespace sluice::core {

class [[nodiscard]] StopRequested final : public WaitAwaiter {
 public:
  explicit StopRequested(std::stop_token token) : token_(std::move(token)) {}

  bool await_ready() const { return token_.stop_requested(); }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    if (!Suspend(handle, [this] { return Queue(); })) return false;
    // The callback may run now, here or on another thread. The task goes on only after this.
    callback_.emplace(token_, Wake{*this});
    return true;
  }
  bool await_resume() {
    Resumed();
    callback_.reset();  // waits for one that runs on another thread
    return token_.stop_requested();
  }

 private:
  struct Wake {
    void operator()() const noexcept {
      Woken woken;
      absl::MutexLock lock(&waiter.mutex_);
      if (!waiter.list_.empty()) woken.Add(*waiter.list_.Pop());
    }
    StopRequested& waiter;
  };

  bool Queue() {
    absl::MutexLock lock(&mutex_);
    list_.Push(*this);
    return true;
  }

  const std::stop_token token_;
  absl::Mutex mutex_;
  WaitList<WaitEntry> list_ ABSL_GUARDED_BY(mutex_){mutex_};
  std::optional<std::stop_callback<Wake>> callback_;
};

namespace internal {

template <typename A>
Task<std::optional<AwaitValue<A>>> UntilStopped(std::stop_token token, HeldAwaitable<A> awaitable) {
  const Context context = co_await CurrentContext();
  try {
    auto outcome =
        co_await Select(Named<"value">(awaitable.get()), Named<"stop">(StopRequested(token)));
    AwaitValue<A>& value = outcome.template Get<"value">();
    const bool asked = outcome.template Won<"stop">() || context.scope->cancelled();
    if (!asked || !GaveUp(value)) co_return std::move(value);
  } catch (const Cancelled&) {
    if (!token.stop_requested() && !context.scope->cancelled()) throw;  // of its own accord
  }
  co_return std::nullopt;
}

}  // namespace internal

// A task or another awaitable that can be moved is moved into it. What cannot be moved, as the read
// of a socket, is awaited in the expression that it is made in; clang warns where UntilStopped
// would outlive it. Brings Unit for what brings nothing.
template <Awaitable A>
  requires(!internal::StaysInItsExpression<A>)
Task<std::optional<AwaitValue<A>>> UntilStopped(std::stop_token token, A&& awaitable) {
  return internal::UntilStopped<A>(std::move(token), HeldAwaitable<A>(std::forward<A>(awaitable)));
}
template <Awaitable A>
  requires internal::StaysInItsExpression<A>
Task<std::optional<AwaitValue<A>>> UntilStopped(std::stop_token token,
                                                A&& awaitable [[clang::lifetimebound]]) {
  return internal::UntilStopped<A>(std::move(token), HeldAwaitable<A>(std::forward<A>(awaitable)));
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_COMBINE_STOP_TOKEN_H_
