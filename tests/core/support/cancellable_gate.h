// CancellableGate: a Gate of one task that ends early when its scope is cancelled. Not for several
// threads.
#ifndef SLUICE_TESTS_CORE_SUPPORT_CANCELLABLE_GATE_H_
#define SLUICE_TESTS_CORE_SUPPORT_CANCELLABLE_GATE_H_

#include <coroutine>

#include "core/task/cancel_scope.h"
#include "core/task/task.h"

namespace sluice::core::testing {

class CancellableGate {
 public:
  void Open() {
    open_ = true;
    if (waiting_ != nullptr) waiting_->End();
  }

  class Wait final : public Waiter {
   public:
    explicit Wait(CancellableGate& gate) : gate_(gate) {}
    bool await_ready() const { return gate_.open_; }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) {
      PromiseBase& promise = self.promise();
      if (promise.scope->cancelled()) return false;
      handle_ = self;
      task_ = promise.task;
      scope_ = promise.scope;
      scope_->Enter(*this);
      gate_.waiting_ = this;
      return true;
    }
    // False: cancelled.
    bool await_resume() const { return gate_.open_; }

    void End() {
      gate_.waiting_ = nullptr;
      task_->Post(*this);
    }
    void Cancel() override {
      if (gate_.waiting_ == this) End();
    }
    void OnReady() override {
      scope_->Leave(*this);
      handle_.resume();
    }

   private:
    CancellableGate& gate_;
    Runnable* task_ = nullptr;
    CancelScope* scope_ = nullptr;
    std::coroutine_handle<> handle_;
  };

  Wait operator co_await() { return Wait(*this); }

 private:
  friend class Wait;
  bool open_ = false;
  Wait* waiting_ = nullptr;
};

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_SUPPORT_CANCELLABLE_GATE_H_
