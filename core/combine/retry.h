// Retry: does something again when it has failed, after pauses that grow.
//
//     auto stream = co_await Retry({.first = 50ms, .limit = RetryLimit::Attempts(5)},
//                                  [&] { return Connect(address); },
//                                  [](auto& result) { return !result.ok(); });
//     if (!stream.ok()) ...                       // what the last attempt brought
//
// An *attempt* is a call; a *retry* is an attempt after the first. Five attempts are one call and
// up to four retries, so a limit says which of the two it counts:
//
//     RetryLimit::Attempts(5) == RetryLimit::Retries(4)
//
//   attempt ── brings a value ─► to be tried again? ── no, or the limit is reached ─► the value
//      ▲                              │ yes
//      └── pause: first, first × factor, first × factor², ..., at most `most` ┘
//
// Each pause is shortened by a random part of it, at most `jitter` of it (0 to 1), so that callers
// that failed together do not come back together ("Exponential Backoff And Jitter", M. Brooker, AWS
// 2015; with 0.5 it is his equal jitter, with 1 his full jitter).
//
// A cancelled scope ends it at once: the attempt or the pause is cut short, no attempt follows, and
// the last attempt's value is brought. An exception is no value: it goes on to the caller.
//
// Threads: inside one task; nothing is allocated but its frame and the attempts'.
// Checked by: tests/core/combine/retry_test.cc.
#ifndef SLUICE_CORE_COMBINE_RETRY_H_
#define SLUICE_CORE_COMBINE_RETRY_H_

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "core/base/check.h"
#include "core/base/random.h"
#include "core/base/time.h"
#include "core/task/awaitable.h"
#include "core/task/task.h"
#include "core/time/now.h"
#include "core/time/sleep.h"

namespace sluice::core {

class RetryLimit {
 public:
  // At least 1.
  static constexpr RetryLimit Attempts(uint32_t attempts) {
    SLUICE_CHECK_USE(attempts > 0, "there is at least one attempt; Retries(0) means no other");
    return RetryLimit(attempts);
  }
  static constexpr RetryLimit Retries(uint32_t retries) {
    return RetryLimit(uint64_t{retries} + 1);
  }

  constexpr uint64_t attempts() const { return attempts_; }
  constexpr uint64_t retries() const { return attempts_ - 1; }
  friend constexpr bool operator==(RetryLimit, RetryLimit) = default;

 private:
  constexpr explicit RetryLimit(uint64_t attempts) : attempts_(attempts) {}
  uint64_t attempts_;
};

struct Backoff {
  Duration first = 100ms;  // the pause before the first retry; 0: none
  double factor = 2;       // of a pause to the one before; at least 1
  Duration most = 30s;     // no pause is longer
  double jitter = 0.5;     // how much of a pause may be left out, 0 to 1
  RetryLimit limit = RetryLimit::Attempts(5);
  uint64_t seed = 0;  // of the random parts; 0: the time at which it begins

  // The pause before that retry (1, 2, ...), before any jitter.
  Duration PauseBefore(uint64_t retry) const {
    double pause = static_cast<double>(first.count());
    const double longest = static_cast<double>(most.count());
    for (; retry > 1 && pause > 0 && pause < longest && factor > 1; --retry) pause *= factor;
    return pause >= longest ? most : Duration(static_cast<int64_t>(pause));
  }
  // The same, shortened. `random` is different for each.
  Duration JitteredPauseBefore(uint64_t retry, uint64_t random) const {
    const Duration pause = PauseBefore(retry);
    const double left_out = static_cast<double>(pause.count()) * jitter;
    if (left_out < 1) return pause;
    // A double beside the largest pause may be larger than any int64_t.
    const Duration most_left_out =
        left_out < 0x1p62 ? Duration(static_cast<int64_t>(left_out)) : Duration(int64_t{1} << 62);
    return pause - std::min(pause, Jitter(most_left_out + 1ns, random));
  }
};

namespace internal {

template <typename Make>
auto MakeAttempt(Make& make, uint64_t number) {
  if constexpr (std::is_invocable_v<Make&, uint64_t>) {
    return make(number);
  } else {
    return make();
  }
}
template <typename Make>
using AttemptValue = AwaitValue<decltype(MakeAttempt(std::declval<Make&>(), 1))>;

template <typename Make, typename Again>
Task<AttemptValue<Make>> Retry(Backoff backoff, Make make, Again again) {
  uint64_t random = backoff.seed;
  if (random == 0) random = static_cast<uint64_t>(Now().since_origin().count());
  for (uint64_t attempt = 1;; ++attempt) {
    AttemptValue<Make> value = co_await MakeAttempt(make, attempt);
    if (attempt == backoff.limit.attempts() || !again(value)) co_return std::move(value);
    random = Mix(random);
    const Duration pause = backoff.JitteredPauseBefore(attempt, random);
    // Not in a cancelled scope. Without a pause it gives way all the same: a loop of failures is
    // not to hold the worker.
    if (!co_await Sleep(pause)) co_return std::move(value);
  }
}

}  // namespace internal

// `make()` begins an attempt: it brings an awaitable; or `make(n)`, with the number of the attempt,
// from 1. `again(value)` returns true if what it brought is worth a retry.
template <typename Make, typename Again>
auto Retry(Backoff backoff, Make make, Again again) {
  SLUICE_CHECK_USE(backoff.first >= 0ns && backoff.factor >= 1 && backoff.most >= 0ns &&
                       backoff.jitter >= 0 && backoff.jitter <= 1,
                   "in a Backoff no pause is negative, factor >= 1 and 0 <= jitter <= 1");
  return internal::Retry<Make, Again>(backoff, std::move(make), std::move(again));
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_COMBINE_RETRY_H_
