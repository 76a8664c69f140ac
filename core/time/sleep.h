// Sleep: waits inside a task until some time has passed.
#ifndef SLUICE_CORE_TIME_SLEEP_H_
#define SLUICE_CORE_TIME_SLEEP_H_

#include <coroutine>

#include "core/base/time.h"
#include "core/sched/timer_wheel.h"
#include "core/sched/worker.h"
#include "core/task/cancel_scope.h"
#include "core/task/task.h"

namespace sluice::core {

class SleepAwaiter final : public Timer {
 public:
  explicit SleepAwaiter(Duration duration) : duration_(duration) {}
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
  const Duration duration_;
  CancelScope* scope_ = nullptr;
  std::coroutine_handle<> waiter_;
};

// `bool slept = co_await Sleep(5ms);`
inline SleepAwaiter Sleep(Duration duration) { return SleepAwaiter(duration); }

}  // namespace sluice::core

#endif  // SLUICE_CORE_TIME_SLEEP_H_
