// Call: awaits what a callable of an adapter returns, or brings it as it is. Internal.
//
//     CallValue<F, T> value = co_await Call(function, std::move(item));     // Unit for void
//
// The call is made at once. Its arguments live until the end of that expression, so also while it
// is awaited, if they live in the frame of the coroutine that awaits it. Threads: inside one task.
// Checked by: tests/core/streams/adapters_test.cc.
#ifndef SLUICE_CORE_STREAMS_CALL_H_
#define SLUICE_CORE_STREAMS_CALL_H_

#include <coroutine>
#include <functional>
#include <type_traits>
#include <utility>

#include "core/streams/then.h"
#include "core/task/awaitable.h"

namespace sluice::core::internal {

template <typename F, typename... Args>
concept AwaitsCall = Awaitable<std::invoke_result_t<F&, Args...>>;

template <typename Result>
struct CallValueOf : Kept<Result> {};
template <Awaitable Result>
struct CallValueOf<Result> {
  using type = AwaitValue<Result>;
};
template <typename F, typename... Args>
using CallValue = typename CallValueOf<std::invoke_result_t<F&, Args...>>::type;

template <typename T>
struct [[nodiscard]] CalledAlready {
  T value;
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  T await_resume() { return std::move(value); }
};

template <typename F, typename... Args>
CallValue<F, Args...> CallNow(F& function, Args&&... args) {
  if constexpr (std::is_void_v<std::invoke_result_t<F&, Args...>>) {
    std::invoke(function, std::forward<Args>(args)...);
    return Unit();
  } else {
    return std::invoke(function, std::forward<Args>(args)...);
  }
}

template <typename F, typename... Args>
auto Call(F& function, Args&&... args) {
  using Value = CallValue<F, Args...>;
  if constexpr (AwaitsCall<F, Args...>) {
    const auto make = [&]() -> decltype(auto) {
      return std::invoke(function, std::forward<Args>(args)...);
    };
    const auto keep = []<typename T>(T&& value) { return Value(std::forward<T>(value)); };
    return Then<std::invoke_result_t<F&, Args...>, decltype(keep)>(make, keep);
  } else {
    return CalledAlready<Value>{CallNow<F, Args...>(function, std::forward<Args>(args)...)};
  }
}

}  // namespace sluice::core::internal

#endif  // SLUICE_CORE_STREAMS_CALL_H_
