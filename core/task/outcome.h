// Outcome<T>: how a task has ended: with a value, with an exception, or cancelled.
//
//     Outcome<int> outcome = co_await Spawn(Count());
//     if (outcome.cancelled()) co_return;
//     Use(outcome.value());        // throws what the task has thrown
//
// Cancelled is how a task tells that it did not do what it was to do, because it was asked to give
// up: it throws Cancelled, or it was aborted before it began. A task that is asked to give up and
// brings a value all the same has a value: what it had got is not lost.
//
// Threads: a value like any other.
// Checked by: tests/core/runtime/outcome_test.cc.
#ifndef SLUICE_CORE_TASK_OUTCOME_H_
#define SLUICE_CORE_TASK_OUTCOME_H_

#include <exception>
#include <type_traits>
#include <utility>
#include <variant>

#include "core/base/check.h"
#include "core/task/awaitable.h"

namespace sluice::core {

// Thrown by a task that gives up because it is asked to.
class Cancelled final : public std::exception {
 public:
  const char* what() const noexcept override { return "cancelled"; }
};

template <typename T = void>
class [[nodiscard]] Outcome {
 public:
  using Value = std::conditional_t<std::is_void_v<T>, Unit, T>;

  explicit Outcome(Value value) : state_(std::in_place_index<kValue>, std::move(value)) {}
  // With the exception that is being handled: for a catch block.
  static Outcome OfException() { return OfException(std::current_exception()); }
  static Outcome OfException(std::exception_ptr exception) {
    try {
      std::rethrow_exception(exception);
    } catch (const Cancelled&) {
      return OfCancellation();
    } catch (...) {
      return Outcome(std::move(exception), 0);
    }
  }
  static Outcome OfCancellation() { return Outcome(); }

  bool has_value() const { return state_.index() == kValue; }
  bool cancelled() const { return state_.index() == kCancelled; }
  // Null unless it has thrown one.
  std::exception_ptr exception() const {
    const auto* exception = std::get_if<kException>(&state_);
    return exception == nullptr ? nullptr : *exception;
  }

  // Throws the exception, or Cancelled, if there is no value.
  Value& value() & {
    Rethrow();
    return std::get<kValue>(state_);
  }
  Value value() && {
    Rethrow();
    return std::get<kValue>(std::move(state_));
  }

 private:
  static constexpr size_t kCancelled = 0;
  static constexpr size_t kValue = 1;
  static constexpr size_t kException = 2;

  Outcome() = default;
  Outcome(std::exception_ptr exception, int)
      : state_(std::in_place_index<kException>, std::move(exception)) {}

  void Rethrow() const {
    if (has_value()) [[likely]]
      return;
    if (cancelled()) throw Cancelled();
    std::rethrow_exception(std::get<kException>(state_));
  }

  std::variant<std::monostate, Value, std::exception_ptr> state_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_OUTCOME_H_
