// WithTimeout: what an awaitable brings, if it comes in time.
//
//     auto line = co_await WithTimeout(30s, lines.Next());       // an optional of what Next brings
//     if (!line) co_return;                                      // it gave up
//     IoResult<size_t> sent = co_await WithTimeout(5s, Send(fd, bytes));
//     if (!sent.ok() && sent.error() == ETIMEDOUT) ...           // an IoResult stays one
//
// When the time is over the awaitable is asked to give up and waited for: it has ended when
// WithTimeout ends, so it may borrow what is around it. What it got all the same is handed on,
// though late: core/task/gave_up.h says how the two are told apart.
//
// `timeout` <= 0: none. A task or another awaitable that can be moved is moved into it; any other
// must live until it has been awaited. Threads: inside a task.
// Checked by: tests/core/time/sleep_test.cc, tests/core/time/with_timeout_test.cc.
#ifndef SLUICE_CORE_TIME_TIMEOUT_H_
#define SLUICE_CORE_TIME_TIMEOUT_H_

#include <cerrno>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/task/awaitable.h"
#include "core/task/gave_up.h"
#include "core/task/outcome.h"
#include "core/task/select.h"
#include "core/task/task.h"
#include "core/time/now.h"
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

template <typename A>
Task<std::optional<AwaitValue<A>>> WithTimeoutOfAny(Duration timeout, HeldAwaitable<A> awaitable) {
  using Value = AwaitValue<A>;
  if (timeout <= 0ns) {
    if constexpr (std::is_same_v<Value, Unit>) {
      co_await awaitable.get();
      co_return Unit{};
    } else {
      co_return co_await awaitable.get();
    }
  }
  const Context context = co_await CurrentContext();
  const Instant end_at = Now() + timeout;
  try {
    auto outcome =
        co_await Select(Named<"value">(awaitable.get()), Named<"timeout">(Sleep(timeout)));
    Value& value = outcome.template Get<"value">();
    const bool asked = outcome.template Won<"timeout">() || context.scope->cancelled();
    if (!asked || !GaveUp(value)) co_return std::move(value);
  } catch (const Cancelled&) {
    if (Now() < end_at && !context.scope->cancelled()) throw;  // of its own accord
  }
  co_return std::nullopt;
}

template <typename A>
concept BringsIoResult = kIsIoResult<AwaitValue<A>>;

}  // namespace internal

// What `awaitable` brings, which is an IoResult, or ETIMEDOUT when it did not end in time: then it
// has been cancelled and has ended. A result that won the race against its cancellation is handed
// on.
template <Awaitable A>
  requires internal::BringsIoResult<A>
Task<AwaitValue<A>> WithTimeout(Duration timeout, A&& awaitable) {
  return internal::WithTimeout<A>(timeout, HeldAwaitable<A>(std::forward<A>(awaitable)));
}

// What any other awaitable brings (Unit for nothing), or nothing when it gave up, because the time
// was over or the scope around it was cancelled.
template <Awaitable A>
  requires(!internal::BringsIoResult<A>)
Task<std::optional<AwaitValue<A>>> WithTimeout(Duration timeout, A&& awaitable) {
  return internal::WithTimeoutOfAny<A>(timeout, HeldAwaitable<A>(std::forward<A>(awaitable)));
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_TIME_TIMEOUT_H_
