// Sleep and SleepUntil: wait inside a task until some time has passed, or until a point in time.
//
//     if (!co_await Sleep(5ms)) co_return;       // false: the scope was cancelled first
//     const Instant at = Now() + 1h;             // core/time/now.h
//     co_await SleepUntil(at);                   // at once if that is past
//
// Time is the clock of the runtime, to the millisecond: a wait never ends early, and up to 1 ms
// late while its worker is idle. Threads: inside a task.
// Checked by: tests/core/time/sleep_test.cc, tests/core/time/sleep_until_test.cc.
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
  bool WouldWait() const { return true; }
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

class SleepUntilAwaiter final : public Timer {
 public:
  // `is_ahead`: it is not over yet, and the clock need not be asked.
  explicit SleepUntilAwaiter(Instant at, bool is_ahead = false) : at_(at), is_ahead_(is_ahead) {}
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    PromiseBase& promise = handle.promise();
    scope_ = promise.scope;
    if (scope_->cancelled()) return false;
    // A loop over points that are past gives way when its budget is used up.
    Worker* const worker = Worker::Current();
    if (!is_ahead_ && at_ <= worker->clock().Now() && promise.task->ConsumeBudget()) return false;
    task_ = promise.task;
    waiter_ = handle;
    scope_->Enter(*this);
    worker->wheel().Arm(*this, at_, *task_);
    return true;
  }
  // False: the scope was cancelled before the time had come.
  bool await_resume() const noexcept { return !scope_->cancelled(); }

  void OnReady() override {
    Fired();
    Worker* const worker = Worker::Current();
    if (!scope_->cancelled() && at_ > worker->clock().Now()) {  // more than a year away
      worker->wheel().Arm(*this, at_, *task_);
      return;
    }
    scope_->Leave(*this);
    waiter_.resume();
  }

 private:
  const Instant at_;
  const bool is_ahead_;
  Runnable* task_ = nullptr;
  CancelScope* scope_ = nullptr;
  std::coroutine_handle<> waiter_;
};

// `bool reached = co_await SleepUntil(at);`
inline SleepUntilAwaiter SleepUntil(Instant at) { return SleepUntilAwaiter(at); }

}  // namespace sluice::core

#endif  // SLUICE_CORE_TIME_SLEEP_H_
