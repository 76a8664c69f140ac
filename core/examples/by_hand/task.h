// Task<T>: a coroutine that other coroutines await, in a page. core/task/task.h is the real one.
//
//     Task<int> Child();
//     Task<int> Parent() { co_return 1 + co_await Child(); }
//
//   Parent ── co_await child: await_suspend keeps Parent's handle in the child's promise ──► Child
//      ▲       and returns the child's: the compiler jumps there                              │
//      └────────────── final_suspend returns Parent's handle: it jumps back ◄─────────────────┘
//
// Those jumps ("symmetric transfer") are tail calls: a chain of a million awaits needs no stack.
#ifndef SLUICE_CORE_EXAMPLES_BY_HAND_TASK_H_
#define SLUICE_CORE_EXAMPLES_BY_HAND_TASK_H_

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace by_hand {

struct PromiseBase {
  std::coroutine_handle<> parent;  // who awaits it
  std::exception_ptr exception;

  std::suspend_always initial_suspend() noexcept { return {}; }
  struct BackToParent {
    bool await_ready() noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) noexcept {
      return ended.promise().parent;
    }
    void await_resume() noexcept {}
  };
  BackToParent final_suspend() noexcept { return {}; }
  void unhandled_exception() { exception = std::current_exception(); }
};

template <typename T>
struct Promise;

template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = Promise<T>;

  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  // A Task is what is awaited, too: it asks and answers the three questions itself.
  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) noexcept {
    handle_.promise().parent = parent;
    return handle_;
  }
  T await_resume() {
    if (handle_.promise().exception) std::rethrow_exception(handle_.promise().exception);
    return handle_.promise().Take();
  }

 private:
  std::coroutine_handle<promise_type> handle_;
};

template <typename T>
struct Promise : PromiseBase {
  std::optional<T> value;

  Task<T> get_return_object() {
    return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
  }
  void return_value(T result) { value.emplace(std::move(result)); }
  T Take() { return *std::move(value); }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object() {
    return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
  }
  void return_void() {}
  void Take() {}
};

}  // namespace by_hand

#endif  // SLUICE_CORE_EXAMPLES_BY_HAND_TASK_H_
