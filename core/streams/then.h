// Then: an awaitable that brings what a function makes of what another awaitable brings. Internal.
//
//     auto Next() {
//       return internal::Then([this] { return interval_.Tick(); },
//                             [](std::optional<Instant> at) { return ItemOf(at); });
//     }
//
// It costs neither a coroutine nor an allocation: it hands on what it is asked. The awaitable is
// made in its place, since many cannot be moved. Threads: inside one task.
// Checked by: tests/core/streams/stream_test.cc.
#ifndef SLUICE_CORE_STREAMS_THEN_H_
#define SLUICE_CORE_STREAMS_THEN_H_

#include <coroutine>
#include <type_traits>
#include <utility>

#include "core/task/awaitable.h"

namespace sluice::core::internal {

template <typename A, typename Function>
class [[nodiscard]] Then {
 public:
  // `make()` brings the awaitable, an A.
  template <typename Make>
  Then(Make make, Function function)
      : awaitable_(make()),
        awaiter_(GetAwaiter(static_cast<A&&>(awaitable_))),
        function_(std::move(function)) {}
  Then(const Then&) = delete;  // the awaiter may know where the awaitable is
  Then& operator=(const Then&) = delete;

  bool await_ready() { return awaiter_.await_ready(); }
  template <typename Promise>
  auto await_suspend(std::coroutine_handle<Promise> handle) {
    return awaiter_.await_suspend(handle);
  }
  // The function gets a Unit for void.
  decltype(auto) await_resume() {
    if constexpr (std::is_void_v<decltype(awaiter_.await_resume())>) {
      awaiter_.await_resume();
      return function_(Unit());
    } else {
      return function_(awaiter_.await_resume());
    }
  }

 private:
  A awaitable_;
  AwaiterOf<A> awaiter_;  // or a reference to the awaitable
  Function function_;
};
template <typename Make, typename Function>
Then(Make, Function) -> Then<std::invoke_result_t<Make&>, Function>;

}  // namespace sluice::core::internal

#endif  // SLUICE_CORE_STREAMS_THEN_H_
