// RunWithLimit, in virtual time.

#include "core/combine/run_with_limit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "core/task/select.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "tests/core/support/run.h"
#include "tests/core/support/virtual_time.h"

namespace sluice::core::testing {
namespace {

std::vector<int> UpTo(int most) {
  std::vector<int> numbers(most);
  std::iota(numbers.begin(), numbers.end(), 1);
  return numbers;
}

Task<void> LimitMain(size_t limit, Duration expected) {
  const std::vector<int> numbers = UpTo(50);
  const Instant begin = Now();
  size_t running = 0;
  size_t most = 0;
  int sum = 0;
  const size_t ended = co_await RunWithLimit(limit, numbers, [&](const int& number) -> Task<void> {
    most = std::max(most, ++running);
    (void)co_await Sleep(10ms);
    --running;
    sum += number;
  });
  EXPECT_EQ(ended, 50u);
  EXPECT_EQ(sum, 1275);
  EXPECT_EQ(most, std::min<size_t>(limit, 50));
  EXPECT_GE(Now() - begin, expected);
  EXPECT_LE(Now() - begin, expected * 12 / 10);
}
TEST(RunWithLimitTest, AtMostSoManyAtATimeAndNoFewer) {
  VirtualRuntime().Run(LimitMain(1, 500ms));
  VirtualRuntime().Run(LimitMain(5, 100ms));
  VirtualRuntime().Run(LimitMain(50, 10ms));
  VirtualRuntime().Run(LimitMain(1000, 10ms));
}

// A range that makes its elements, and has no end.
struct Counting {
  struct End {};
  struct Iterator {
    int operator*() const { return *taken; }
    Iterator& operator++() {
      ++*taken;
      return *this;
    }
    bool operator!=(End) const { return true; }
    int* taken;
  };
  Iterator begin() { return {&taken}; }
  End end() const { return {}; }
  int taken = 0;
};
Task<void> EndlessMain() {
  Counting counting;
  auto outcome = co_await Select(
      RunWithLimit(3, counting, [](int) -> Task<bool> { co_return co_await Sleep(1s); }),
      Sleep(10s + 500ms));
  EXPECT_TRUE(outcome.Won<1>());
  EXPECT_EQ(outcome.Get<0>(), 33u);  // 30 in time, 3 were cut short
  EXPECT_EQ(counting.taken, 33);
}
TEST(RunWithLimitTest, TakesAnElementOnlyWhenItsCallMayBegin) {
  VirtualRuntime().Run(EndlessMain());
}

// Calls that never wait: they neither keep the other tasks from running nor miss their end.
Task<void> BusyMain() {
  int calls = 0;
  const auto count = [&](int) -> Task<void> {
    ++calls;
    co_return;
  };
  auto outcome = co_await Select(RunWithLimit(3, Counting(), count), Sleep(10ms));
  EXPECT_TRUE(outcome.Won<1>());
  EXPECT_EQ(outcome.Get<0>(), static_cast<size_t>(calls));
}
TEST(RunWithLimitTest, CallsThatDoNotWaitLetOthersRun) { TestRuntime(1).Run(BusyMain()); }

// Calls that never wait: it is cancelled while it gives way.
Task<void> CancelBusyMain() {
  int begun_too_late = 0;
  const auto look = [&](int) -> Task<void> {
    const Context context = co_await CurrentContext();
    if (context.scope->cancelled()) ++begun_too_late;
  };
  auto outcome = co_await Select(RunWithLimit(3, Counting(), look), Sleep(10ms));
  EXPECT_TRUE(outcome.Won<1>());
  EXPECT_EQ(begun_too_late, 0);
}
TEST(RunWithLimitTest, CancelledWhileItGivesWayNoOtherCallBegins) {
  TestRuntime(1).Run(CancelBusyMain());
}

Task<size_t> Nothing(int) { co_return 1; }
Task<void> EmptyMain() {
  EXPECT_EQ(co_await RunWithLimit(2, std::vector<int>(), Nothing), 0u);
  EXPECT_EQ(co_await RunWithLimit(2, UpTo(9), Nothing), 9u);  // it keeps the range
  EXPECT_EQ(co_await RunWithLimit(2, UpTo(9), [](int) { return Sleep(1ms); }), 9u);
}
TEST(RunWithLimitTest, OfAnyRangeAndAnyAwaitable) { VirtualRuntime().Run(EmptyMain()); }

Task<void> CancelMain() {
  for (int whole = 0; whole <= 6; ++whole) {
    int begun = 0;
    int cut_short = 0;
    auto outcome = co_await Select(RunWithLimit(2, UpTo(12),
                                                [&](int) -> Task<void> {
                                                  ++begun;
                                                  if (!co_await Sleep(1s)) ++cut_short;
                                                }),
                                   Sleep(whole * 1s + 500ms));
    const int expected = std::min(2 * whole + 2, 12);
    EXPECT_EQ(begun, expected);
    EXPECT_EQ(cut_short, whole < 6 ? 2 : 0);
    EXPECT_EQ(outcome.Get<0>(), static_cast<size_t>(expected));
  }
}
TEST(RunWithLimitTest, CancelledAtAnyPointNoOtherCallBegins) { VirtualRuntime().Run(CancelMain()); }

Task<void> ThrowMain(bool before_it_awaits) {
  int begun = 0;
  int ended = 0;
  const Instant begin = Now();
  bool thrown = false;
  try {
    (void)co_await RunWithLimit(3, UpTo(100), [&](int number) -> Task<void> {
      ++begun;
      if (number == 5 && before_it_awaits) throw std::runtime_error("five");
      (void)co_await Sleep(number == 5 ? 10ms : 1s);
      ++ended;
      if (number == 5) throw std::runtime_error("five");
    });
  } catch (const std::runtime_error& error) {
    thrown = true;
    EXPECT_STREQ(error.what(), "five");
  }
  EXPECT_TRUE(thrown);
  EXPECT_LE(begun, 6);
  EXPECT_EQ(ended, before_it_awaits ? begun - 1 : begun);  // it waited for all
  EXPECT_LE(Now() - begin, 1100ms);                        // and had cancelled them
}
TEST(RunWithLimitTest, AnExceptionCancelsTheOthersAndGoesOnWhenTheyHaveEnded) {
  VirtualRuntime().Run(ThrowMain(true));
  VirtualRuntime().Run(ThrowMain(false));
}

Task<void> ThrowOutsideMain() {
  // From the call itself, which is no coroutine.
  const auto call = [](int number) -> Task<size_t> {
    if (number == 3) throw std::logic_error("three");
    return Nothing(number);
  };
  EXPECT_THROW((void)co_await RunWithLimit(2, UpTo(5), call), std::logic_error);
}
TEST(RunWithLimitTest, ACallThatThrowsBeforeItIsACoroutine) {
  VirtualRuntime().Run(ThrowOutsideMain());
}

TEST(RunWithLimitTest, ALimitOfNothingIsAMistake) {
  EXPECT_DEATH((void)RunWithLimit(0, UpTo(1), Nothing), "a limit of 0 lets nothing begin");
}

}  // namespace
}  // namespace sluice::core::testing
