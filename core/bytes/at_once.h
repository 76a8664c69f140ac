// AtOnceOr: an awaitable that has its value at once as a rule, and is a coroutine when it must
// wait. Internal.
//
//     auto Next() {
//       return internal::AtOnceOr([this] { return Buffered(); },      // std::optional<T>
//                                 [this] { return ReadMore(); });     // Task<T>
//     }
//
//   co_await ── the first function ──┬── a value ─► brought: no coroutine, no allocation
//                                    └── nothing ─► the Task of the second, awaited
//
// Both are called when it is awaited, not before; it can be moved until then. It counts as a step
// of the task's turn: when that is over, the worker's other tasks run first. Threads: inside one
// task. Checked by: tests/core/bytes/buf_reader_test.cc, tests/core/bytes/frames_test.cc.
#ifndef SLUICE_CORE_BYTES_AT_ONCE_H_
#define SLUICE_CORE_BYTES_AT_ONCE_H_

#include <coroutine>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/task/task.h"
#include "core/task/yield.h"

namespace sluice::core::internal {

template <typename Now, typename Later>
class [[nodiscard]] AtOnceOr {
  using Value = typename std::invoke_result_t<Now&>::value_type;
  static_assert(std::is_same_v<std::invoke_result_t<Later&>, Task<Value>>);

 public:
  AtOnceOr(Now now, Later later) : now_(std::move(now)), later_(std::move(later)) {}

  bool await_ready() const { return false; }
  template <typename Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> parent) {
    if (parent.promise().task->ConsumeBudget()) [[likely]] {
      value_ = now_();
      if (value_.has_value()) return parent;
      task_ = later_();
    } else {
      task_ = LetOthersRun();
    }
    return task_.await_suspend(parent);
  }
  Value await_resume() {
    if (value_.has_value()) return *std::move(value_);
    return task_.await_resume();
  }

 private:
  Task<Value> LetOthersRun() {
    co_await Yield();
    value_ = now_();
    if (value_.has_value()) co_return *std::exchange(value_, std::nullopt);
    co_return co_await later_();
  }

  Now now_;
  Later later_;
  std::optional<Value> value_;
  Task<Value> task_;
};

}  // namespace sluice::core::internal

#endif  // SLUICE_CORE_BYTES_AT_ONCE_H_
