// FromCallback: awaits foreign code that tells its result by calling back, from any thread.
//
//     IoResult<Answer> answer = co_await FromCallback<Answer>([&](Completer<Answer> done) {
//       client.Ask(question, [done = std::move(done)](Answer answer) mutable {
//         done.Complete(std::move(answer));
//       });
//     });
//
//   await: start(completer) ─► WAITING ── Complete(value) ───────────► value
//                                 ├────── Fail(error) ───────────────► that error
//                                 ├────── the completer is dropped ──► EPIPE: nothing will come
//                                 └────── the scope is cancelled ────► ECANCELED
//
// What comes first counts, and only that. `Complete` returns false if it comes too late: the wait
// has been cancelled, and the value is dropped; so foreign code that has got hold of something can
// put it back. `abandoned()` tells it earlier that nothing waits any more. What `start` throws is
// thrown by the co_await.
//
// For a std::function, which has to be copied, put the completer into a std::shared_ptr.
//
// One allocation, which the completer keeps alive: it may outlive the task and the runtime.
// Threads: the co_await inside a task; a Completer any, one at a time.
// Checked by: tests/core/combine/from_callback_test.cc.
#ifndef SLUICE_CORE_COMBINE_FROM_CALLBACK_H_
#define SLUICE_CORE_COMBINE_FROM_CALLBACK_H_

#include <cerrno>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/check.h"
#include "core/base/result.h"
#include "core/sync/wait_list.h"
#include "core/task/task.h"

namespace sluice::core {

namespace internal {

// What the completer and the one that waits share.
template <typename T>
class CallbackCell {
 public:
  // True: it is the first, and not too late.
  bool Settle(IoResult<T> result) {
    Woken woken;
    absl::MutexLock lock(&mutex_);
    if (result_.has_value() || abandoned_) return false;
    result_.emplace(std::move(result));
    if (!waiting_.empty()) woken.Add(*waiting_.Pop());
    return true;
  }
  bool abandoned() const {
    absl::MutexLock lock(&mutex_);
    return abandoned_;
  }

  // The side that waits. False: there is a result.
  bool Wait(WaitEntry& entry) {
    absl::MutexLock lock(&mutex_);
    if (result_.has_value()) return false;
    waiting_.Push(entry);
    return true;
  }
  IoResult<T> Take() {
    absl::MutexLock lock(&mutex_);
    if (result_.has_value()) return *std::move(result_);
    abandoned_ = true;
    return IoError(ECANCELED);
  }

 private:
  mutable absl::Mutex mutex_;
  std::optional<IoResult<T>> result_ ABSL_GUARDED_BY(mutex_);
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
  WaitList<WaitEntry> waiting_ ABSL_GUARDED_BY(mutex_){mutex_};
};

}  // namespace internal

// The end that foreign code holds. Moved, not copied.
template <typename T>
class Completer {
 public:
  explicit Completer(std::shared_ptr<internal::CallbackCell<T>> cell) : cell_(std::move(cell)) {}
  Completer(Completer&& other) noexcept = default;
  Completer& operator=(Completer&& other) noexcept {
    std::swap(cell_, other.cell_);
    return *this;
  }
  ~Completer() {
    if (cell_ != nullptr) cell_->Settle(IoError(EPIPE));
  }

  // Once, one of the two. False: nothing waits any more.
  bool Complete(T value) { return Settle(IoResult<T>(std::move(value))); }
  bool Fail(int error) { return Settle(IoError(error)); }

  // Whether the wait has been cancelled. Not after Complete or Fail.
  bool abandoned() const {
    CheckOpen();
    return cell_->abandoned();
  }

 private:
  void CheckOpen() const {
    SLUICE_CHECK_USE(cell_ != nullptr, "a Completer completes once: this one has, or was moved");
  }
  bool Settle(IoResult<T> result) {
    CheckOpen();
    return std::exchange(cell_, nullptr)->Settle(std::move(result));
  }

  std::shared_ptr<internal::CallbackCell<T>> cell_;
};

template <typename T, typename Start>
class [[nodiscard]] CallbackAwaiter final : public WaitAwaiter {
 public:
  explicit CallbackAwaiter(Start start) : start_(std::move(start)) {}

  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    if (handle.promise().scope->cancelled()) return false;  // nothing is begun
    try {
      start_(Completer<T>(cell_));
    } catch (...) {
      thrown_ = std::current_exception();
      return false;
    }
    return Suspend(handle, [this] { return cell_->Wait(*this); });
  }
  IoResult<T> await_resume() {
    Resumed();
    if (thrown_ != nullptr) {
      (void)cell_->Take();  // its Completer says that nothing waits any more
      std::rethrow_exception(thrown_);
    }
    return cell_->Take();
  }

 private:
  Start start_;
  const std::shared_ptr<internal::CallbackCell<T>> cell_ =
      std::make_shared<internal::CallbackCell<T>>();
  std::exception_ptr thrown_;
};

// Brings an IoResult<T>; T can be made without a value. `start(Completer<T>)` is called when it is
// awaited, on the task's worker, and must not block.
template <typename T, typename Start>
CallbackAwaiter<T, Start> FromCallback(Start start) {
  return CallbackAwaiter<T, Start>(std::move(start));
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_COMBINE_FROM_CALLBACK_H_
