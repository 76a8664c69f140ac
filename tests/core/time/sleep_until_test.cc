// SleepUntil, in virtual time.

#include <gtest/gtest.h>

#include "core/task/select.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "tests/core/support/virtual_time.h"

namespace sluice::core::testing {
namespace {

constexpr Duration kYear = 365 * 24h;

Task<void> ReachesMain() {
  for (const Duration span :
       {Duration(1ns), Duration(1ms), Duration(90ms), Duration(5h), 3 * kYear}) {
    const Instant at = Now() + span;
    EXPECT_TRUE(co_await SleepUntil(at));
    EXPECT_GE(Now(), at);
    EXPECT_LE(Now(), at + 1ms);
  }
}
TEST(SleepUntilTest, EndsAtThatTimeAlsoYearsAway) { VirtualRuntime().Run(ReachesMain()); }

Task<void> PastMain() {
  const Instant begin = Now();
  EXPECT_TRUE(co_await SleepUntil(begin));
  EXPECT_TRUE(co_await SleepUntil(Instant::Min()));
  EXPECT_EQ(Now(), begin);
  // It must not keep its worker for ever: a loop over the past gives way, and time passes.
  int rounds = 0;
  while (Now() == begin && ++rounds < 10 * kCoopBudget) co_await SleepUntil(begin);
  EXPECT_LE(rounds, kCoopBudget);
}
TEST(SleepUntilTest, EndsAtOnceIfThatIsPastAndGivesWayNowAndThen) {
  VirtualRuntime().Run(PastMain());
}

Task<void> CancelMain() {
  for (const Duration after : {Duration(0ns), Duration(1ms), Duration(3s)}) {
    const Instant begin = Now();
    auto outcome = co_await Select(Named<"reached">(SleepUntil(Now() + 3 * kYear)),
                                   Named<"asked">(Sleep(after)));
    EXPECT_TRUE(outcome.Won<"asked">());
    EXPECT_FALSE(outcome.Get<"reached">());
    EXPECT_LE(Now(), begin + after + 1ms);
  }
  // In a scope that is cancelled it does not begin, even if its time has come.
  auto outcome = co_await Select(Sleep(0ns), [](Instant past) -> Task<bool> {
    (void)co_await Sleep(1h);
    co_return co_await SleepUntil(past);
  }(Now()));
  EXPECT_FALSE(outcome.Get<1>());
}
TEST(SleepUntilTest, EndsWhenItsScopeIsCancelled) { VirtualRuntime().Run(CancelMain()); }

TEST(NowTest, OutsideOfATaskIsAMistakeThatSaysWhatToDo) {
  EXPECT_DEATH((void)Now(), "this thread runs no task; ask the Clock");
}

}  // namespace
}  // namespace sluice::core::testing
