// Task<T>: a lazy coroutine. It starts when awaited (or spawned, joined, selected), inside the
// awaiting task, and hands its result to the one that awaits it by symmetric transfer.
//
// Every coroutine knows the Runnable it is part of and the cancel scope it runs in: both are handed
// down at each co_await, which is how a leaf (a recv, a sleep) finds them without a thread_local.
//
// Not thread-safe: a Task belongs to whoever holds it. It may resume on another thread after any
// co_await that suspends: hold no address of a thread_local and no lock across one.
#ifndef SLUICE_CORE_TASK_H_
#define SLUICE_CORE_TASK_H_

#include <coroutine>
#include <cstdlib>
#include <optional>
#include <utility>

#include "core/cancel_scope.h"
#include "core/check.h"
#include "core/runnable.h"

namespace sluice::core {

// Told when a child coroutine has finished; answers who runs next.
class ChildObserver {
 public:
  virtual std::coroutine_handle<> ChildDone() = 0;

 protected:
  ~ChildObserver() = default;
};

struct PromiseBase {
  Runnable* task = nullptr;
  CancelScope* scope = nullptr;
  std::coroutine_handle<> continuation;  // either this
  ChildObserver* observer = nullptr;     // or this is told at the end

  std::suspend_always initial_suspend() noexcept { return {}; }
  [[noreturn]] void unhandled_exception() noexcept { std::abort(); }

  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) noexcept {
      PromiseBase& promise = self.promise();
      if (promise.observer != nullptr) return promise.observer->ChildDone();
      return promise.continuation;
    }
    [[noreturn]] void await_resume() noexcept { std::abort(); }
  };
  FinalAwaiter final_suspend() noexcept { return {}; }
};

// std::monostate for void, so that results of any task can be kept in a tuple.
struct Unit {};
template <typename T>
struct ValueOf {
  using type = T;
};
template <>
struct ValueOf<void> {
  using type = Unit;
};

template <typename T>
struct TaskPromise;

template <typename T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;
  using Value = typename ValueOf<T>::type;

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      Destroy();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  ~Task() { Destroy(); }

  class Awaiter {
   public:
    explicit Awaiter(Handle child) : child_(child) {}
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> parent) noexcept {
      PromiseBase& own = parent.promise();
      child_.promise().task = own.task;
      child_.promise().scope = own.scope;
      child_.promise().continuation = parent;
      return child_;
    }
    T await_resume() { return child_.promise().TakeResult(); }

   private:
    Handle child_;
  };

  Awaiter operator co_await() && {
    SLUICE_DCHECK(handle_);
    return Awaiter(handle_);
  }

  // For Join, Select and Spawn: starts the coroutine as part of `task`; it runs until it first
  // suspends, and `observer` is told when it has finished.
  void Start(Runnable* task, CancelScope* scope, ChildObserver* observer) {
    handle_.promise().task = task;
    handle_.promise().scope = scope;
    handle_.promise().observer = observer;
    handle_.resume();
  }
  bool done() const { return handle_.done(); }
  Value TakeValue() {
    if constexpr (std::is_void_v<T>) {
      handle_.promise().TakeResult();
      return Unit{};
    } else {
      return handle_.promise().TakeResult();
    }
  }

 private:
  void Destroy() {
    if (handle_) handle_.destroy();
  }

  Handle handle_;
};

template <typename T>
struct TaskPromise : PromiseBase {
  std::optional<T> result;
  Task<T> get_return_object() {
    return Task<T>(std::coroutine_handle<TaskPromise>::from_promise(*this));
  }
  template <typename U>
  void return_value(U&& value) {
    result.emplace(std::forward<U>(value));
  }
  T TakeResult() {
    SLUICE_DCHECK(result.has_value());
    return std::move(*result);
  }
};

template <>
struct TaskPromise<void> : PromiseBase {
  Task<void> get_return_object() {
    return Task<void>(std::coroutine_handle<TaskPromise>::from_promise(*this));
  }
  void return_void() {}
  void TakeResult() {}
};

// `Context context = co_await CurrentContext();`: the task and scope of the running coroutine.
struct Context {
  Runnable* task;
  CancelScope* scope;
};
struct CurrentContext {
  Context context{};
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> self) noexcept {
    context = Context{self.promise().task, self.promise().scope};
    return false;
  }
  Context await_resume() const noexcept { return context; }
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_H_
