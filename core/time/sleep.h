// Sleep and WithTimeout: waiting for time inside a task.
#ifndef SLUICE_CORE_TIME_SLEEP_H_
#define SLUICE_CORE_TIME_SLEEP_H_

#include <cerrno>
#include <coroutine>
#include <utility>

#include "core/base/result.h"
#include "core/sched/timer_wheel.h"
#include "core/sched/worker.h"
#include "core/task/join.h"
#include "core/task/task.h"

namespace sluice::core {

class SleepAwaiter final : public Timer {
 public:
  explicit SleepAwaiter(Nanos duration) : duration_(duration) {}
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    PromiseBase& promise = handle.promise();
    scope_ = promise.scope;
    if (scope_->cancelled()) return false;
    waiter_ = handle;
    scope_->Enter(*this);
    Worker* worker = Worker::Current();
    worker->wheel().Arm(*this, worker->clock().Now() + duration_, *promise.task);
    return true;
  }
  // False: the scope was cancelled before the time was over.
  bool await_resume() const noexcept { return !scope_->cancelled(); }

  void OnReady() override {
    Fired();
    scope_->Leave(*this);
    waiter_.resume();
  }

 private:
  const Nanos duration_;
  CancelScope* scope_ = nullptr;
  std::coroutine_handle<> waiter_;
};

// `bool slept = co_await Sleep(5 * kMillisecond);`
inline SleepAwaiter Sleep(Nanos duration) { return SleepAwaiter(duration); }

namespace internal {
inline Task<bool> SleepTask(Nanos duration) { co_return co_await Sleep(duration); }
}  // namespace internal

// What `task` brings, or ETIMEDOUT when it did not end in time: then it has been cancelled and has
// ended. A result that won the race against its cancellation is handed on. `timeout` <= 0: none.
template <typename T>
Task<IoResult<T>> WithTimeout(Nanos timeout, Task<IoResult<T>> task) {
  if (timeout <= 0) co_return co_await std::move(task);
  auto outcome = co_await Select(std::move(task), internal::SleepTask(timeout));
  IoResult<T>& result = std::get<0>(outcome.values);
  if (outcome.first == 1 && !result.ok() && result.error() == ECANCELED) {
    const Context context = co_await CurrentContext();
    if (!context.scope->cancelled()) co_return IoError(ETIMEDOUT);
  }
  co_return std::move(result);
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_TIME_SLEEP_H_
