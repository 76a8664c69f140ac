// Interval, in virtual time.

#include "core/time/interval.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "core/task/select.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "tests/core/support/virtual_time.h"

namespace sluice::core::testing {
namespace {

constexpr Duration kTolerance = 2ms;  // of a timer, and of one that follows it

// When ticks were due and when they came, in seconds since the first; work after the second one
// takes 2.4 periods.
struct Seen {
  std::vector<int64_t> due;
  std::vector<Duration> came;
};
Task<Seen> WithLateWork(MissedTicks missed) {
  Seen seen;
  Interval interval(1s, missed);
  const Instant begin = Now();
  for (int tick = 0; tick < 7; ++tick) {
    const std::optional<Instant> due_at = co_await interval.Tick();
    seen.due.push_back((*due_at - begin) / 100ms);
    seen.came.push_back(Now() - begin);
    if (tick == 1) (void)co_await Sleep(2400ms);
  }
  co_return seen;
}
void ExpectCame(const Seen& seen, const std::vector<Duration>& expected) {
  for (size_t tick = 0; tick < expected.size(); ++tick) {
    EXPECT_GE(seen.came[tick], expected[tick]) << tick;
    EXPECT_LE(seen.came[tick], expected[tick] + 4 * kTolerance) << tick;
  }
}

Task<void> BurstMain() {
  const Seen seen = co_await WithLateWork(MissedTicks::kBurst);
  EXPECT_EQ(seen.due, (std::vector<int64_t>{0, 10, 20, 30, 40, 50, 60}));
  ExpectCame(seen, {0s, 1s, 3400ms, 3400ms, 4s, 5s, 6s});
}
TEST(IntervalTest, BurstCatchesUpWithAllThatWereMissed) { VirtualRuntime().Run(BurstMain()); }

Task<void> DelayMain() {
  const Seen seen = co_await WithLateWork(MissedTicks::kDelay);
  EXPECT_EQ(seen.due, (std::vector<int64_t>{0, 10, 20, 44, 54, 64, 74}));
  ExpectCame(seen, {0s, 1s, 3400ms, 4400ms, 5400ms, 6400ms, 7400ms});
}
TEST(IntervalTest, DelayBeginsAgainFromTheLateTick) { VirtualRuntime().Run(DelayMain()); }

Task<void> SkipMain() {
  const Seen seen = co_await WithLateWork(MissedTicks::kSkip);
  EXPECT_EQ(seen.due, (std::vector<int64_t>{0, 10, 20, 40, 50, 60, 70}));
  ExpectCame(seen, {0s, 1s, 3400ms, 4s, 5s, 6s, 7s});
}
TEST(IntervalTest, SkipLeavesOutWhatWasMissedAndStaysOnTheGrid) {
  VirtualRuntime().Run(SkipMain());
}

Task<void> FirstMain() {
  Interval interval(1h);
  (void)co_await Sleep(3s);  // what passes before the first tick is nothing that was missed
  const Instant begin = Now();
  EXPECT_EQ(co_await interval.Tick(), begin);
  EXPECT_EQ(Now(), begin);
  EXPECT_EQ(co_await interval.Tick(), begin + 1h);
}
TEST(IntervalTest, TheFirstTickComesAtOnce) { VirtualRuntime().Run(FirstMain()); }

Task<void> DriftMain(MissedTicks missed) {
  // Timers end up to a millisecond late: that must not add up.
  constexpr Duration kOdd = 10ms + 300us;
  Interval interval(kOdd, missed);
  const std::optional<Instant> begin = co_await interval.Tick();
  std::optional<Instant> due_at;
  for (int tick = 0; tick < 1000; ++tick) due_at = co_await interval.Tick();
  EXPECT_EQ(*due_at - *begin, 1000 * kOdd);
  EXPECT_LE(Now() - *due_at, 1ms);
}
TEST(IntervalTest, DoesNotDrift) {
  for (const MissedTicks missed : {MissedTicks::kBurst, MissedTicks::kDelay, MissedTicks::kSkip}) {
    VirtualRuntime().Run(DriftMain(missed));
  }
}

Task<void> ResetMain() {
  Interval interval(10s);
  (void)co_await interval.Tick();
  (void)co_await Sleep(7s);
  interval.Reset();
  const Instant reset_at = Now();
  EXPECT_EQ(co_await interval.Tick(), reset_at + 10s);
  interval.ResetAt(reset_at + 12s);
  EXPECT_EQ(co_await interval.Tick(), reset_at + 12s);
  EXPECT_EQ(co_await interval.Tick(), reset_at + 22s);
}
TEST(IntervalTest, ResetPutsTheNextTickAWholePeriodAway) { VirtualRuntime().Run(ResetMain()); }

Task<void> CancelMain() {
  Interval interval(10s);
  const std::optional<Instant> begin = co_await interval.Tick();
  // At any moment before it is due: nothing, and the tick comes to who asks next.
  for (const Duration after : {Duration(0ns), Duration(1s), Duration(8s)}) {
    auto outcome = co_await Select(interval.Tick(), Sleep(after));
    EXPECT_TRUE(outcome.Won<1>());
    EXPECT_EQ(outcome.Get<0>(), std::nullopt);
  }
  EXPECT_EQ(co_await interval.Tick(), *begin + 10s);
}
TEST(IntervalTest, ACancelledTickTakesNone) { VirtualRuntime().Run(CancelMain()); }

TEST(IntervalTest, APeriodOfNothingIsAMistake) {
  EXPECT_DEATH(Interval(0ns), "the period of an Interval");
}

}  // namespace
}  // namespace sluice::core::testing
