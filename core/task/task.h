// Task<T>: a lazy coroutine. It starts when awaited (or spawned, joined, selected), inside the
// awaiting task, and hands its result to the one that awaits it by symmetric transfer.
//
// Every coroutine knows the Runnable it is part of and the cancel scope it runs in: both are handed
// down at each co_await, which is how a leaf (a recv, a sleep) finds them without a thread_local.
//
// Not thread-safe: a Task belongs to its holder. It may resume on another thread after any
// co_await that suspends: hold no address of a thread_local and no lock across one.
#ifndef SLUICE_CORE_TASK_TASK_H_
#define SLUICE_CORE_TASK_TASK_H_

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/base/check.h"
#include "core/task/awaitable.h"
#include "core/task/cancel_scope.h"
#include "core/task/frame_cache.h"
#include "core/task/runnable.h"

namespace sluice::core {

// Told when a child coroutine has finished; returns the coroutine that runs next.
class ChildObserver {
 public:
  virtual std::coroutine_handle<> ChildDone() = 0;

 protected:
  ~ChildObserver() = default;
};

// What goes on when a coroutine has finished: the one that awaits it, or the one that an observer
// names; or nothing, when it was the body of a task.
// One word, for a frame is held as long as its coroutine waits; the lowest bits mark what it is.
class Successor {
 public:
  void Set(std::coroutine_handle<> awaiting) {
    word_ = reinterpret_cast<uintptr_t>(awaiting.address());
  }
  void Set(ChildObserver& observer) { word_ = reinterpret_cast<uintptr_t>(&observer) | kObserver; }
  void SetBodyOf(Runnable& task) { word_ = reinterpret_cast<uintptr_t>(&task) | kTask; }

  std::coroutine_handle<> Next() const {
    if ((word_ & (kObserver | kTask)) == 0) {
      return std::coroutine_handle<>::from_address(reinterpret_cast<void*>(word_));
    }
    if ((word_ & kObserver) != 0) {
      return reinterpret_cast<ChildObserver*>(word_ - kObserver)->ChildDone();
    }
    reinterpret_cast<Runnable*>(word_ - kTask)->BodyEnded();
    return std::noop_coroutine();
  }

 private:
  static constexpr uintptr_t kObserver = 1;
  static constexpr uintptr_t kTask = 2;
  static_assert(alignof(ChildObserver) > kTask && alignof(Runnable) > kTask);
  uintptr_t word_ = 0;
};

// An exception that leaves a coroutine goes on in the one that awaits it. It is kept where the
// coroutine had its scope, which it needs no more: a frame is not larger for it. What is told of
// the coroutine's end takes the exception or drops it: no frame's end has to look for one.
struct PromiseBase {
  static void* operator new(size_t size) { return FrameCache::Allocate(size); }
  static void operator delete(void* frame, size_t size) { FrameCache::Free(frame, size); }

  PromiseBase() {}
  PromiseBase(const PromiseBase&) = delete;
  PromiseBase& operator=(const PromiseBase&) = delete;
  ~PromiseBase() { SLUICE_DCHECK(!failed()); }

  Runnable* task = nullptr;
  CancelScope* scope = nullptr;

  std::suspend_always initial_suspend() noexcept { return {}; }

  // In a catch block, or what the language calls there: keeps the exception.
  void unhandled_exception() noexcept {
    task = FailedMark();
    new (static_cast<void*>(&scope)) std::exception_ptr(std::current_exception());
  }
  bool failed() const { return task == FailedMark(); }
  void RethrowIfFailed() {
    if (failed()) [[unlikely]]
      Rethrow();
  }
  // The exception, if it has failed; else null. It is kept here no longer.
  std::exception_ptr TakeException() {
    if (!failed()) [[likely]]
      return nullptr;
    return TakeKept();
  }

 private:
  static_assert(sizeof(std::exception_ptr) == sizeof(CancelScope*));
  static Runnable* FailedMark() { return reinterpret_cast<Runnable*>(uintptr_t{1}); }
  [[gnu::noinline, gnu::cold]] std::exception_ptr TakeKept() {
    auto* const kept = std::launder(reinterpret_cast<std::exception_ptr*>(&scope));
    std::exception_ptr exception = std::move(*kept);
    kept->~exception_ptr();
    scope = nullptr;
    task = nullptr;
    return exception;
  }
  [[noreturn, gnu::noinline, gnu::cold]] void Rethrow() { std::rethrow_exception(TakeKept()); }
};

// Of a coroutine that something waits for.
struct AwaitedPromise : PromiseBase {
  Successor successor;

  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) noexcept {
      AwaitedPromise& promise = self.promise();
      return promise.successor.Next();
    }
    [[noreturn]] void await_resume() noexcept { std::abort(); }
  };
  FinalAwaiter final_suspend() noexcept { return {}; }
};

template <typename T>
struct TaskPromise;

template <typename T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;
  using Value = std::conditional_t<std::is_void_v<T>, Unit, T>;

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

  // `T value = co_await Child();` A task is awaited in place: an awaiter of its own would be held
  // in the awaiting coroutine's frame beside it.
  Task& operator co_await() && {
    SLUICE_DCHECK(handle_);
    return *this;
  }
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> parent) noexcept {
    PromiseBase& own = parent.promise();
    handle_.promise().task = own.task;
    handle_.promise().scope = own.scope;
    handle_.promise().successor.Set(parent);
    return handle_;
  }
  T await_resume() { return handle_.promise().TakeResult(); }

  // For Join, Select and Spawn: starts the coroutine as part of `task`; it runs until it first
  // suspends, and `observer` is told when it has finished.
  void Start(Runnable* task, CancelScope* scope, ChildObserver& observer) {
    handle_.promise().task = task;
    handle_.promise().scope = scope;
    handle_.promise().successor.Set(observer);
    handle_.resume();
  }
  // For Spawn: starts it as the body of `task`, which is told when it has finished.
  void StartAsBody(Runnable& task, CancelScope& scope) {
    handle_.promise().task = &task;
    handle_.promise().scope = &scope;
    handle_.promise().successor.SetBodyOf(task);
    handle_.resume();
  }
  bool empty() const { return !handle_; }  // moved from
  bool done() const { return handle_.done(); }
  // The exception that it has ended with, which is kept no longer; else null.
  std::exception_ptr TakeException() { return handle_.promise().TakeException(); }
  // What has started it takes the value or, before it destroys the task, drops the exception.
  void DropException() {
    if (handle_) (void)handle_.promise().TakeException();
  }
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

// A coroutine that brings a value ends soon, as a rule; the pumps of a session, which last, bring
// none. By its rounded size such a frame has a class of the allocator to itself: else a burst of
// connects leaves holes between the pumps' frames that nothing fills (loadtest/EXPERIMENTS.md).
template <typename T>
struct TaskPromise : AwaitedPromise {
  static void* operator new(size_t size) { return FrameCache::Allocate(Rounded(size)); }
  static void operator delete(void* frame, size_t size) { FrameCache::Free(frame, Rounded(size)); }
  static constexpr size_t Rounded(size_t size) { return (size + 63) / 64 * 64; }

  // Its frame comes from operator new without an alignment.
  static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__,
                "a task's value of that alignment is to be on the heap");
  std::optional<T> result;
  Task<T> get_return_object() {
    return Task<T>(std::coroutine_handle<TaskPromise>::from_promise(*this));
  }
  template <typename U>
  void return_value(U&& value) {
    result.emplace(std::forward<U>(value));
  }
  T TakeResult() {
    RethrowIfFailed();
    SLUICE_DCHECK(result.has_value());
    return std::move(*result);
  }
};

template <>
struct TaskPromise<void> : AwaitedPromise {
  Task<void> get_return_object() {
    return Task<void>(std::coroutine_handle<TaskPromise>::from_promise(*this));
  }
  void return_void() {}
  void TakeResult() { RethrowIfFailed(); }
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

#endif  // SLUICE_CORE_TASK_TASK_H_
