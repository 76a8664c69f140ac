// JoinHandle<T>: the result of a task that has been spawned.
//
// It belongs to one task at a time; dropping it detaches the task. Awaiting it is not cut short by
// a cancelled scope: to end a task early, give it a CancellationToken.
// Checked by: tests/core/runtime/spawn_test.cc, tests/model.
#ifndef SLUICE_CORE_RUNTIME_JOIN_HANDLE_H_
#define SLUICE_CORE_RUNTIME_JOIN_HANDLE_H_

#include <coroutine>
#include <utility>

#include "core/runtime/root.h"

namespace sluice::core {

template <typename T>
class [[nodiscard]] JoinHandle {
 public:
  explicit JoinHandle(RootPromise<T>* root) : root_(root) {}
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

  class Awaiter final : public RootBase::Joiner {
   public:
    explicit Awaiter(RootPromise<T>& root) : root_(root) {}
    bool await_ready() const { return root_.finished(); }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      waiter_ = handle;
      return root_.Await(*this, *handle.promise().task);
    }
    T await_resume() { return root_.TakeValue(); }
    void OnReady() override { waiter_.resume(); }

   private:
    RootPromise<T>& root_;
    std::coroutine_handle<> waiter_;
  };

  // `T value = co_await std::move(handle);`
  Awaiter operator co_await() && { return Awaiter(*root_); }

 private:
  RootPromise<T>* root_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_JOIN_HANDLE_H_
