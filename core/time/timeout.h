// WithTimeout: what an awaitable brings, if it comes in time; WithDeadline: the same, up to a point
// in time.
//
//     IoResult<size_t> sent = co_await WithTimeout(5s, Send(fd, bytes));
//     if (!sent.ok() && sent.error() == ETIMEDOUT) ...
//     auto line = co_await WithTimeout(30s, lines.Next());       // an optional of what Next brings
//     if (!line) co_return;                                      // it gave up
//     auto word = co_await WithDeadline(end_at, words.Next());   // one end for several waits
//
// What brings an errno brings the same type still, with ETIMEDOUT if it was late: an IoResult, a
// NetResult, a NamedResult, and a Transferred, with the bytes that have been moved. Anything else,
// also a SendResult, an Outcome or a StatusOr, becomes an optional (of Unit, for nothing): nothing
// if it gave up, because the time was over or the scope around it was cancelled.
//
// When the time is over the awaitable is asked to give up and waited for: it has ended when
// WithTimeout ends, so it may borrow what is around it. What it got all the same is handed on,
// though late: core/task/gave_up.h says how the two are told apart.
//
// A time-out of 0 or less, and a deadline that is past, are over at once: the awaitable begins, and
// what it has at once it brings. No time-out at all is std::nullopt. The time of a WithTimeout runs
// from the co_await. A task or another awaitable that can be moved is moved into it. What cannot
// be moved, as the read of a socket, is awaited in the expression that it is made in; clang warns
// where WithTimeout would outlive it. Threads: inside a task.
// Checked by: tests/core/time/sleep_test.cc, tests/core/time/with_timeout_test.cc.
#ifndef SLUICE_CORE_TIME_TIMEOUT_H_
#define SLUICE_CORE_TIME_TIMEOUT_H_

#include <cerrno>
#include <concepts>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/task/awaitable.h"
#include "core/task/cancel_scope.h"
#include "core/task/gave_up.h"
#include "core/task/outcome.h"
#include "core/task/select.h"
#include "core/task/task.h"
#include "core/time/now.h"
#include "core/time/sleep.h"

namespace sluice::core {

namespace internal {

// A NetResult, a NamedResult: what can be made of a failure that has an errno.
template <typename T>
concept HasFailure = TellsOfError<T> && requires(const T& value) {
  T(value.failure());
  { value.failure().error } -> std::convertible_to<int>;
};
// A Transferred.
template <typename T>
concept SaysHowFar =
    TellsOfError<T> && TellsOfBytes<T> && std::constructible_from<T, uint64_t, int>;

// What has room for ETIMEDOUT.
template <typename T>
concept HasErrno = kIsIoResult<T> || HasFailure<T> || SaysHowFar<T>;

// What WithTimeout brings.
template <typename A>
using Timely =
    std::conditional_t<HasErrno<AwaitValue<A>>, AwaitValue<A>, std::optional<AwaitValue<A>>>;

// What has ended with ECANCELED, or (null) by throwing Cancelled, says `error` instead.
template <HasErrno T>
T EndedBy(int error, const T* value) {
  if constexpr (kIsIoResult<T>) {
    return IoError(error);
  } else if constexpr (SaysHowFar<T>) {
    return T(value == nullptr ? 0 : value->bytes(), error);
  } else {
    std::remove_cvref_t<decltype(value->failure())> failure;
    if (value != nullptr) {
      failure = value->failure();
    } else if constexpr (requires { failure.operation = "await"; }) {
      failure.operation = "await";  // for the message: what it was at is not known
    }
    failure.error = error;
    return T(std::move(failure));
  }
}

// Limits: a Duration from the co_await, or an Instant. The largest is none.
inline constexpr Duration kNoLimit = Duration::max();
inline bool IsNone(Duration timeout) { return timeout == kNoLimit; }
inline bool IsNone(Instant deadline) { return deadline == Instant::Max(); }
inline Instant EndOf(Duration timeout) { return Now() + timeout; }
inline Instant EndOf(Instant deadline) { return deadline; }
inline bool IsAhead(Duration timeout) { return timeout > Duration::zero(); }
inline bool IsAhead(Instant) { return false; }  // it may be

template <typename A, typename Limit>
Task<Timely<A>> WithLimit(Limit limit, HeldAwaitable<A> awaitable) {
  using Value = AwaitValue<A>;
  if (IsNone(limit)) {
    if constexpr (std::is_same_v<Value, Unit>) {
      co_await awaitable.get();
      co_return Unit{};
    } else {
      co_return co_await awaitable.get();
    }
  }
  const CancelScope& scope = *(co_await CurrentContext()).scope;
  const Instant end_at = EndOf(limit);
  try {
    auto outcome = co_await Select(Named<"value">(awaitable.get()),
                                   Named<"timeout">(SleepUntilAwaiter(end_at, IsAhead(limit))));
    Value& value = outcome.template Get<"value">();
    const bool late = outcome.template Won<"timeout">();
    if constexpr (HasErrno<Value>) {
      if (!late || scope.cancelled() || value.error() != ECANCELED) co_return std::move(value);
      co_return EndedBy<Value>(ETIMEDOUT, &value);
    } else {
      if (!(late || scope.cancelled()) || !GaveUp(value)) co_return std::move(value);
    }
  } catch (const Cancelled&) {
    if (Now() < end_at && !scope.cancelled()) throw;  // of its own accord
  }
  if constexpr (HasErrno<Value>) {
    co_return EndedBy<Value>(scope.cancelled() ? ECANCELED : ETIMEDOUT, nullptr);
  } else {
    co_return std::nullopt;
  }
}

}  // namespace internal

// What `awaitable` brings, or ETIMEDOUT, or nothing, as told above: then it has been cancelled and
// has ended, with ECANCELED or by throwing Cancelled. A result that won the race against its
// cancellation is handed on.
template <Awaitable A>
  requires(!internal::StaysInItsExpression<A>)
Task<internal::Timely<A>> WithTimeout(std::optional<Duration> timeout, A&& awaitable) {
  return internal::WithLimit<A>(timeout.value_or(internal::kNoLimit),
                                HeldAwaitable<A>(std::forward<A>(awaitable)));
}
template <Awaitable A>
  requires internal::StaysInItsExpression<A>
Task<internal::Timely<A>> WithTimeout(std::optional<Duration> timeout,
                                      A&& awaitable [[clang::lifetimebound]]) {
  return internal::WithLimit<A>(timeout.value_or(internal::kNoLimit),
                                HeldAwaitable<A>(std::forward<A>(awaitable)));
}

// The same. Instant::Max() never comes.
template <Awaitable A>
  requires(!internal::StaysInItsExpression<A>)
Task<internal::Timely<A>> WithDeadline(Instant deadline, A&& awaitable) {
  return internal::WithLimit<A>(deadline, HeldAwaitable<A>(std::forward<A>(awaitable)));
}
template <Awaitable A>
  requires internal::StaysInItsExpression<A>
Task<internal::Timely<A>> WithDeadline(Instant deadline, A&& awaitable [[clang::lifetimebound]]) {
  return internal::WithLimit<A>(deadline, HeldAwaitable<A>(std::forward<A>(awaitable)));
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_TIME_TIMEOUT_H_
