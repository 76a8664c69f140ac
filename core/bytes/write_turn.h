// WriteTurn: which branch of a task writes to a stream, of several that want to. Internal.
//
//     const WriteTurn::Held held = co_await turn.Take();
//     if (!held) co_return IoError(ECANCELED);       // the scope is cancelled: it has none
//     ... WriteAll ...                               // the others wait until `held` goes
//
// A stream has one write at a time (law B3 of async_stream.h). First come, first served; who gives
// up takes nothing. Threads: inside one task.
// Checked by: tests/core/bytes/frames_test.cc.
#ifndef SLUICE_CORE_BYTES_WRITE_TURN_H_
#define SLUICE_CORE_BYTES_WRITE_TURN_H_

#include <coroutine>

#include "core/task/cancel_scope.h"
#include "core/task/node_queue.h"
#include "core/task/runnable.h"
#include "core/task/task.h"

namespace sluice::core::internal {

class WriteTurn {
 public:
  class [[nodiscard]] Held {
   public:
    explicit Held(WriteTurn* turn) : turn_(turn) {}
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() {
      if (turn_ != nullptr) turn_->PassOn();
    }
    explicit operator bool() const { return turn_ != nullptr; }

   private:
    WriteTurn* const turn_;
  };

  class [[nodiscard]] Wait final : public Waiter {
   public:
    explicit Wait(WriteTurn& turn) : turn_(turn) {}
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      PromiseBase& promise = handle.promise();
      if (promise.scope->cancelled()) return false;
      if (!turn_.taken_) {
        has_it_ = turn_.taken_ = true;
        return false;
      }
      task_ = promise.task;
      scope_ = promise.scope;
      waiter_ = handle;
      turn_.waiting_.Push(*this);
      scope_->Enter(*this);
      return true;
    }
    Held await_resume() { return Held(has_it_ ? &turn_ : nullptr); }

   private:
    friend class WriteTurn;
    // One that has been given the turn keeps it.
    void Cancel() override {
      if (turn_.waiting_.Remove(*this)) task_->Post(*this);
    }
    void OnReady() override {
      scope_->Leave(*this);
      waiter_.resume();
    }

    WriteTurn& turn_;
    bool has_it_ = false;
    Runnable* task_ = nullptr;
    CancelScope* scope_ = nullptr;
    std::coroutine_handle<> waiter_;
  };

  Wait Take() { return Wait(*this); }
  bool is_taken() const { return taken_; }

 private:
  void PassOn() {
    if (waiting_.empty()) {
      taken_ = false;
      return;
    }
    Wait& next = static_cast<Wait&>(*waiting_.Pop());
    next.has_it_ = true;
    next.task_->Post(next);
  }

  bool taken_ = false;
  NodeQueue waiting_;
};

}  // namespace sluice::core::internal

#endif  // SLUICE_CORE_BYTES_WRITE_TURN_H_
