// WithTimeout: the result of an awaitable, if it comes in time.
#ifndef SLUICE_CORE_TIME_TIMEOUT_H_
#define SLUICE_CORE_TIME_TIMEOUT_H_

#include <cerrno>
#include <utility>

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/task/awaitable.h"
#include "core/task/select.h"
#include "core/task/task.h"
#include "core/time/sleep.h"

namespace sluice::core {

namespace internal {

template <typename A>
Task<AwaitValue<A>> WithTimeout(Duration timeout, HeldAwaitable<A> awaitable) {
  if (timeout <= 0ns) co_return co_await awaitable.get();
  auto outcome =
      co_await Select(Named<"result">(awaitable.get()), Named<"timeout">(Sleep(timeout)));
  AwaitValue<A>& result = outcome.template Get<"result">();
  if (outcome.template Won<"timeout">() && !result.ok() && result.error() == ECANCELED) {
    const Context context = co_await CurrentContext();
    if (!context.scope->cancelled()) co_return IoError(ETIMEDOUT);
  }
  co_return std::move(result);
}

}  // namespace internal

// What `awaitable` brings, which is an IoResult, or ETIMEDOUT when it did not end in time: then it
// has been cancelled and has ended. A result that won the race against its cancellation is handed
// on. `timeout` <= 0: none. A task or another awaitable that can be moved is moved into it; any
// other must live until it has been awaited.
template <Awaitable A>
Task<AwaitValue<A>> WithTimeout(Duration timeout, A&& awaitable) {
  return internal::WithTimeout<A>(timeout, HeldAwaitable<A>(std::forward<A>(awaitable)));
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_TIME_TIMEOUT_H_
