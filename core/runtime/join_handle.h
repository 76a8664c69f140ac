// JoinHandle<T>: waits for the end of a task that has been spawned, and takes its outcome.
//
//     Outcome<int> outcome = co_await std::move(handle);           // waits however long it takes
//     if (co_await handle.Ended()) Use(handle.TakeOutcome());         // may be cut short
//     if (!co_await WithTimeout(5s, handle.Ended())) handle.Abort();  // then wait for the end
//
// It belongs to one task at a time; dropping it detaches the task, which goes on. An exception that
// nothing has asked for is told to RuntimeOptions::lost_exception, so a handle that may hold one
// goes before its runtime.
// Checked by: tests/core/runtime/spawn_test.cc, tests/core/runtime/abort_test.cc, tests/model.
#ifndef SLUICE_CORE_RUNTIME_JOIN_HANDLE_H_
#define SLUICE_CORE_RUNTIME_JOIN_HANDLE_H_

#include <coroutine>
#include <utility>

#include "core/base/check.h"
#include "core/runtime/root.h"
#include "core/task/cancel_scope.h"
#include "core/task/outcome.h"
#include "core/task/task.h"

namespace sluice::core {

// Aborts a task, from any thread and as often as one likes. It keeps the task's memory, not what
// was in it.
class AbortHandle {
 public:
  explicit AbortHandle(RootBase& root) : root_(&root) { root.Ref(); }
  AbortHandle(const AbortHandle& other) : AbortHandle(*other.root_) {}
  AbortHandle(AbortHandle&& other) noexcept : root_(std::exchange(other.root_, nullptr)) {}
  AbortHandle& operator=(AbortHandle other) noexcept {
    std::swap(root_, other.root_);
    return *this;
  }
  ~AbortHandle() {
    if (root_ != nullptr) root_->Unref();
  }

  // Cancels the task's scope: what it waits for ends with ECANCELED, and it goes on from there. A
  // task that has not begun does not begin. Returns false if its code has ended, or if it has been
  // aborted before.
  bool Abort() const { return root_->Abort(); }
  bool finished() const { return root_->finished(); }

 private:
  RootBase* root_;
};

template <typename T>
class [[nodiscard]] JoinHandle {
 public:
  explicit JoinHandle(Joinable<T>* root) : root_(root) {}
  JoinHandle(JoinHandle&& other) noexcept : root_(std::exchange(other.root_, nullptr)) {}
  JoinHandle& operator=(JoinHandle&& other) noexcept {
    std::swap(root_, other.root_);
    return *this;
  }
  ~JoinHandle() { Detach(); }

  void Detach() {
    if (root_ != nullptr) std::exchange(root_, nullptr)->Unref();
  }
  bool finished() const { return root_->finished(); }
  bool Abort() const { return root_->Abort(); }
  core::AbortHandle abort_handle() const { return core::AbortHandle(*root_); }

  // Once, when it has finished.
  Outcome<T> TakeOutcome() {
    SLUICE_CHECK_USE(finished(), "await Ended() first");
    return root_->TakeOutcome();
  }

  class EndedAwaiter final : public RootBase::Joiner {
   public:
    explicit EndedAwaiter(RootBase& root) : root_(root) {}
    bool await_ready() const { return root_.finished(); }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      PromiseBase& promise = handle.promise();
      if (promise.scope->cancelled()) return false;
      waiter_ = handle;
      if (!root_.Await(*this, *promise.task)) return false;
      scope_ = promise.scope;
      scope_->Enter(*this);
      return true;
    }
    bool await_resume() {
      if (scope_ != nullptr) scope_->Leave(*this);
      return root_.finished();
    }
    void OnReady() override { waiter_.resume(); }
    void Cancel() override { root_.StopAwaiting(*this); }

   private:
    RootBase& root_;
    CancelScope* scope_ = nullptr;  // while suspended
    std::coroutine_handle<> waiter_;
  };

  // `bool ended = co_await handle.Ended();` False: the scope was cancelled first. Not after the
  // outcome has been taken.
  EndedAwaiter Ended() { return EndedAwaiter(*root_); }

  class Awaiter final : public RootBase::Joiner {
   public:
    explicit Awaiter(Joinable<T>& root) : root_(root) {}
    bool await_ready() const { return root_.finished(); }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      waiter_ = handle;
      return root_.Await(*this, *handle.promise().task);
    }
    Outcome<T> await_resume() { return root_.TakeOutcome(); }
    void OnReady() override { waiter_.resume(); }
    void Cancel() override {}  // never: it is in no scope

   private:
    Joinable<T>& root_;
    std::coroutine_handle<> waiter_;
  };

  // `Outcome<T> outcome = co_await std::move(handle);` Not cut short by a cancelled scope.
  Awaiter operator co_await() && { return Awaiter(*root_); }

 private:
  Joinable<T>* root_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_JOIN_HANDLE_H_
