// Interval: something to do again and again, at equal distances.
//
//     Interval heartbeat(30s);
//     while (co_await heartbeat.Tick()) {        // the first tick comes at once
//       co_await SendPing();                     // nothing: the scope was cancelled
//     }
//
// A tick is due one period after the one before was due, however long the work between took. What
// happens when the next Tick is awaited after one or more of them have been missed:
//
//     due         0     1     2     3     4     5     6           work takes from 1.0 to 3.4
//     kBurst      x     x                x2x3  x4    x5    x6     all of them, one after the other
//     kDelay      x     x                x2       x        x      the next one a whole period later
//     kSkip       x     x                x2    x4    x5    x6     back on the grid
//
// The rules, their names and the slack are those of Tokio's `Interval`. A cancelled Tick takes no
// tick: the next one brings it.
//
// Threads: inside one task at a time; one Tick at a time.
// Checked by: tests/core/time/interval_test.cc.
#ifndef SLUICE_CORE_TIME_INTERVAL_H_
#define SLUICE_CORE_TIME_INTERVAL_H_

#include <algorithm>
#include <coroutine>
#include <cstdint>
#include <optional>

#include "core/base/check.h"
#include "core/base/time.h"
#include "core/time/now.h"
#include "core/time/sleep.h"

namespace sluice::core {

enum class MissedTicks : uint8_t { kBurst, kDelay, kSkip };

class Interval {
 public:
  explicit Interval(Duration period, MissedTicks missed = MissedTicks::kBurst)
      : period_(period), missed_(missed) {
    SLUICE_CHECK_USE(period > 0ns, "the period of an Interval is at least a nanosecond");
  }

  class TickAwaiter {
   public:
    explicit TickAwaiter(Interval& interval)
        : interval_(interval), sleep_(interval.next_at_.value_or(Instant::Min())) {}
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      return sleep_.await_suspend(handle);
    }
    std::optional<Instant> await_resume() {
      if (!sleep_.await_resume()) return std::nullopt;
      return interval_.Take(Now());
    }

   private:
    Interval& interval_;
    SleepUntilAwaiter sleep_;
  };

  // `std::optional<Instant> due_at = co_await interval.Tick();` Nothing: the scope was cancelled.
  TickAwaiter Tick() { return TickAwaiter(*this); }

  // The next tick comes a whole period from now. Inside a task.
  void Reset() { ResetAt(Now() + period_); }
  // The next tick comes at that time, those after it at distances from there.
  void ResetAt(Instant at) { next_at_ = at; }

  Duration period() const { return period_; }

 private:
  // A tick that is taken so late is still on time: timers are rounded up to a millisecond, and a
  // worker may be busy. Else kDelay would drift.
  static constexpr Duration kSlack = 5ms;

  Instant Take(Instant now) {
    const Instant due_at = next_at_.value_or(now);
    const Duration late = now - due_at;
    Duration until_next = period_;
    if (missed_ == MissedTicks::kSkip) {
      until_next = late - late % period_ + period_;
    } else if (missed_ == MissedTicks::kDelay && late >= std::min(kSlack, period_)) {
      until_next = late + period_;
    }
    next_at_ = due_at + until_next;
    return due_at;
  }

  const Duration period_;
  const MissedTicks missed_;
  OptionalInstant next_at_;  // none: there has been no tick
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_TIME_INTERVAL_H_
