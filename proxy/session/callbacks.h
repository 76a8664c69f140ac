// SessionCallbacks: how a session's timer and its notice of the shutdown reach it, and how it waits
// at its end until neither of them can come any more.
//
//   may call back ── CallbacksStopped: both are taken back ──► none will come: goes on at once
//                                   └── one is on its way ──► it comes; the last one resumes the
//                                                             session (MaybeResume)
//
// Timer and notice are bases, not members: a member would need a way back to the session.
// Threads: all of it runs inside the session's task.
#ifndef SLUICE_PROXY_SESSION_CALLBACKS_H_
#define SLUICE_PROXY_SESSION_CALLBACKS_H_

#include <coroutine>

#include "core/base/time.h"
#include "core/sched/timer_wheel.h"
#include "core/sync/cancellation.h"
#include "core/task/cancel_scope.h"

namespace sluice::proxy {

// Fires at the earliest deadline that may have come; the session looks which one has.
class DeadlineTimer : public core::Timer {
 public:
  void OnReady() final {
    Fired();
    OnTimer();
  }
  virtual void OnTimer() = 0;

 protected:
  ~DeadlineTimer() = default;
};

class ShutdownNotice : public core::CancelNotice {
 public:
  void OnReady() final {
    Delivered();
    OnShutdown();
  }
  virtual void OnShutdown() = 0;

 protected:
  ~ShutdownNotice() = default;
};

class SessionCallbacks : protected DeadlineTimer, protected ShutdownNotice {
 protected:
  ~SessionCallbacks() = default;

  // Called last by OnTimer and OnShutdown.
  void MaybeResume() {
    if (!is_stopping_ || MayCallBack()) return;
    is_stopping_ = false;
    waiter_->OnReady();
  }

  // Arms the timer, or moves it to an earlier time; never to a later one: when it fires, the
  // session looks at the clock and arms it again.
  void EnsureTimer(core::Instant deadline) {
    if (!armed() || deadline < DeadlineTimer::deadline()) MoveTimer(deadline);
  }

  // What the session is suspended on: the two pumps, then CallbacksStopped. Null: neither.
  core::Waiter* waiter() const { return waiter_; }
  void set_waiter(core::Waiter& waiter) { waiter_ = &waiter; }

 private:
  friend class CallbacksStopped;

  void MoveTimer(core::Instant deadline);
  bool MayCallBack() const { return armed() || registered(); }
  // Returns true if there is nothing to wait for.
  bool Stop() {
    Disarm();
    Unregister();
    return !MayCallBack();
  }

  bool is_stopping_ = false;  // waiter_ is CallbacksStopped. First: here it takes no space
  core::Waiter* waiter_ = nullptr;
};

// `co_await CallbacksStopped(session)`: until nothing calls back any more. Nothing cancels it.
class CallbacksStopped final : public core::Waiter {
 public:
  explicit CallbacksStopped(SessionCallbacks& callbacks) : callbacks_(callbacks) {}
  bool await_ready() { return callbacks_.Stop(); }
  void await_suspend(std::coroutine_handle<> session) {
    session_ = session;
    callbacks_.waiter_ = this;
    callbacks_.is_stopping_ = true;
  }
  void await_resume() const noexcept {}
  void OnReady() override { session_.resume(); }
  void Cancel() override {}

 private:
  SessionCallbacks& callbacks_;
  std::coroutine_handle<> session_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_CALLBACKS_H_
