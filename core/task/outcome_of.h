// OutcomeOf: awaits anything and brings how that ended, as an Outcome. Internal: what foreign code
// and threads await is made of it.
//
// Threads: inside a task. Checked by: tests/core/combine/start_test.cc.
#ifndef SLUICE_CORE_TASK_OUTCOME_OF_H_
#define SLUICE_CORE_TASK_OUTCOME_OF_H_

#include <concepts>
#include <type_traits>

#include "core/task/awaitable.h"
#include "core/task/outcome.h"
#include "core/task/task.h"

namespace sluice::core::internal {

// The T of an Outcome<T>: void for what brings nothing.
template <typename A>
using OutcomeType = std::conditional_t<std::same_as<AwaitValue<A>, Unit>, void, AwaitValue<A>>;

template <typename A>
Task<Outcome<OutcomeType<A>>> OutcomeOf(HeldAwaitable<A> awaitable) {
  using Result = Outcome<OutcomeType<A>>;
  try {
    if constexpr (std::is_void_v<OutcomeType<A>>) {
      (void)co_await awaitable.get();
      co_return Result(Unit{});
    } else {
      co_return Result(co_await awaitable.get());
    }
  } catch (...) {
    co_return Result::OfException();
  }
}

}  // namespace sluice::core::internal

#endif  // SLUICE_CORE_TASK_OUTCOME_OF_H_
