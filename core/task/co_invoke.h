// CoInvoke: calls a coroutine lambda, and keeps it until the coroutine that it makes has ended.
//
//     Task<int> both = CoInvoke([a, b]() -> Task<int> { co_return a + co_await Get(b); });
//
// What a lambda has captured lies in the lambda, not in the frame of its coroutine: one that is
// called where it stands is gone at the end of that line, and its coroutine reads what is no more.
// The same holds for parameters that are references. Here the callable and its arguments are moved
// or copied into a coroutine that awaits the one they make. Spawn(callable, args...) does it too.
// Checked by: tests/core/task/co_invoke_test.cc.
#ifndef SLUICE_CORE_TASK_CO_INVOKE_H_
#define SLUICE_CORE_TASK_CO_INVOKE_H_

#include <functional>
#include <type_traits>
#include <utility>

#include "core/task/task.h"

namespace sluice::core {

namespace internal {

template <typename F, typename... Args>
concept MakesTask = requires(F& function, Args&... args) {
  []<typename T>(Task<T>) {}(std::invoke(function, args...));
};

template <typename F, typename... Args>
auto Invoke(F function, Args... args) -> std::invoke_result_t<F&, Args&...> {
  co_return co_await std::invoke(function, args...);
}

}  // namespace internal

// Lazy, as every Task: the call is made when it is awaited.
template <typename F, typename... Args>
  requires internal::MakesTask<std::decay_t<F>, std::decay_t<Args>...>
auto CoInvoke(F&& function, Args&&... args) {
  return internal::Invoke<std::decay_t<F>, std::decay_t<Args>...>(std::forward<F>(function),
                                                                  std::forward<Args>(args)...);
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_CO_INVOKE_H_
