// Retry and Backoff, in virtual time.

#include "core/combine/retry.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <stdexcept>
#include <vector>

#include "core/base/result.h"
#include "core/task/select.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "tests/core/support/virtual_time.h"

namespace sluice::core::testing {
namespace {

constexpr Backoff kPlain = {.first = 100ms, .most = 10s, .jitter = 0};

bool Failed(IoResult<int>& result) { return !result.ok(); }

// Fails `failures` times, then brings the number of the attempt.
struct Flaky {
  int failures;
  int attempts = 0;
  std::vector<Instant> at = {};
  Task<IoResult<int>> operator()() {
    at.push_back(Now());
    if (++attempts <= failures) co_return IoError(ECONNREFUSED);
    co_return attempts;
  }
};

Task<void> UntilItSucceedsMain() {
  Flaky flaky{.failures = 3};
  IoResult<int> result = co_await Retry(kPlain, [&] { return flaky(); }, Failed);
  EXPECT_EQ(*result, 4);
  EXPECT_EQ(flaky.attempts, 4);
  const std::vector<Duration> pauses = {100ms, 200ms, 400ms};
  for (size_t i = 0; i < pauses.size(); ++i) {
    EXPECT_GE(flaky.at[i + 1] - flaky.at[i], pauses[i]);
    EXPECT_LE(flaky.at[i + 1] - flaky.at[i], pauses[i] + 1ms);
  }
}
TEST(RetryTest, TriesUntilItSucceedsAfterPausesThatDouble) {
  VirtualRuntime().Run(UntilItSucceedsMain());
}

Task<void> LimitMain() {
  Flaky flaky{.failures = 100};
  Backoff backoff = kPlain;
  backoff.limit = RetryLimit::Attempts(5);
  IoResult<int> result = co_await Retry(backoff, [&] { return flaky(); }, Failed);
  EXPECT_EQ(result.error(), ECONNREFUSED);
  EXPECT_EQ(flaky.attempts, 5);
  flaky.attempts = 0;
  backoff.limit = RetryLimit::Retries(5);
  (void)co_await Retry(backoff, [&] { return flaky(); }, Failed);
  EXPECT_EQ(flaky.attempts, 6);
  flaky.attempts = 0;
  backoff.limit = RetryLimit::Retries(0);
  (void)co_await Retry(backoff, [&] { return flaky(); }, Failed);
  EXPECT_EQ(flaky.attempts, 1);
}
TEST(RetryTest, AttemptsCountTheFirstCallAndRetriesDoNot) {
  VirtualRuntime().Run(LimitMain());
  static_assert(RetryLimit::Attempts(5) == RetryLimit::Retries(4));
  static_assert(RetryLimit::Retries(4).attempts() == 5 && RetryLimit::Attempts(5).retries() == 4);
}

Task<void> PredicateMain() {
  Flaky flaky{.failures = 100};
  std::vector<uint64_t> numbers;
  IoResult<int> result = co_await Retry(
      kPlain,
      [&](uint64_t number) {
        numbers.push_back(number);
        return flaky();
      },
      [&](const IoResult<int>&) { return flaky.attempts < 3; });
  EXPECT_EQ(result.error(), ECONNREFUSED);
  EXPECT_EQ(numbers, (std::vector<uint64_t>{1, 2, 3}));
}
TEST(RetryTest, ThePredicateDecidesAndEachAttemptKnowsItsNumber) {
  VirtualRuntime().Run(PredicateMain());
}

TEST(BackoffTest, GrowsByTheFactorUpToTheMost) {
  const Backoff backoff = {.first = 50ms, .factor = 3, .most = 1s, .jitter = 0};
  EXPECT_EQ(backoff.PauseBefore(1), 50ms);
  EXPECT_EQ(backoff.PauseBefore(2), 150ms);
  EXPECT_EQ(backoff.PauseBefore(3), 450ms);
  EXPECT_EQ(backoff.PauseBefore(4), 1s);
  EXPECT_EQ(backoff.PauseBefore(uint64_t{1} << 40), 1s);
  EXPECT_EQ((Backoff{.first = 0ns}).PauseBefore(uint64_t{1} << 40), 0ns);
  EXPECT_EQ((Backoff{.first = 5s, .most = 1s}).PauseBefore(1), 1s);
  EXPECT_EQ((Backoff{.factor = 1}).PauseBefore(uint64_t{1} << 40), 100ms);
}

TEST(BackoffTest, TheLargestPause) {
  const Backoff backoff = {.first = Duration::max(), .most = Duration::max(), .jitter = 1};
  EXPECT_EQ(backoff.PauseBefore(1), Duration::max());
  for (uint64_t random = 0; random < 100; ++random) {
    EXPECT_GE(backoff.JitteredPauseBefore(1, random * 0x9E3779B97F4A7C15), 0ns);
  }
}

TEST(BackoffTest, JitterShortensByItsPartAtMost) {
  for (const double jitter : {0.0, 0.25, 0.5, 1.0}) {
    const Backoff backoff = {.first = 1s, .factor = 1, .jitter = jitter};
    std::set<Duration> seen;
    Duration least = Duration::max();
    for (uint64_t random = 0; random < 1000; ++random) {
      const Duration pause = backoff.JitteredPauseBefore(1, random);
      EXPECT_LE(pause, 1s);
      EXPECT_GE(pause, Duration(static_cast<int64_t>(1e9 * (1 - jitter))));
      least = std::min(least, pause);
      seen.insert(pause);
    }
    if (jitter == 0) {
      EXPECT_EQ(seen.size(), 1u);
    } else {
      EXPECT_GT(seen.size(), 990u);
      EXPECT_LT(least, Duration(static_cast<int64_t>(1e9 * (1 - 0.98 * jitter))));
    }
  }
}

Task<void> SeedMain(uint64_t seed, std::vector<Duration>& pauses) {
  Flaky flaky{.failures = 4};
  (void)co_await Retry({.first = 1h, .seed = seed}, [&] { return flaky(); }, Failed);
  for (size_t i = 1; i < flaky.at.size(); ++i) pauses.push_back(flaky.at[i] - flaky.at[i - 1]);
}
TEST(RetryTest, TheSameSeedMakesTheSamePauses) {
  std::vector<Duration> first, second, other;
  VirtualRuntime().Run(SeedMain(7, first));
  VirtualRuntime().Run(SeedMain(7, second));
  VirtualRuntime().Run(SeedMain(8, other));
  EXPECT_EQ(first, second);
  EXPECT_NE(first, other);
}

// Attempts of a second, pauses of a second: cancelled at every half of them.
Task<IoResult<int>> Slow(int& begun) {
  ++begun;
  co_return IoError(co_await Sleep(1s) ? EIO : ECANCELED);
}
Task<void> CancelMain() {
  const Backoff steady = {.first = 1s, .factor = 1, .jitter = 0, .limit = RetryLimit::Attempts(4)};
  for (int seconds = 0; seconds < 7; ++seconds) {
    int begun = 0;
    const Instant begin = Now();
    auto outcome = co_await Select(
        Retry(steady, [&] { return Slow(begun); }, Failed), Sleep(seconds * 1s + 500ms));
    EXPECT_TRUE(outcome.Won<1>());
    EXPECT_EQ(begun, seconds / 2 + 1);
    EXPECT_EQ(outcome.Get<0>().error(), seconds % 2 == 0 ? ECANCELED : EIO);
    EXPECT_LE(Now() - begin, seconds * 1s + 510ms);
  }
  // In a scope that is cancelled already there is one attempt, which gives up.
  int begun = 0;
  auto outcome = co_await Select(Sleep(0ns), [](Backoff backoff, int& begun) -> Task<int> {
    (void)co_await Sleep(1h);
    IoResult<int> last = co_await Retry(backoff, [&] { return Slow(begun); }, Failed);
    co_return last.error();
  }(steady, begun));
  EXPECT_EQ(outcome.Get<1>(), ECANCELED);
  EXPECT_EQ(begun, 1);
}
TEST(RetryTest, ACancelledScopeEndsItAtOnceAtAnyPoint) { VirtualRuntime().Run(CancelMain()); }

Task<IoResult<int>> Throw(int& attempts) {
  ++attempts;
  throw std::runtime_error("broken");
  co_return 0;
}
Task<void> ThrowMain() {
  int attempts = 0;
  EXPECT_THROW(
      (void)co_await Retry(kPlain, [&] { return Throw(attempts); }, Failed), std::runtime_error);
  EXPECT_EQ(attempts, 1);
}
TEST(RetryTest, AnExceptionIsNotRetried) { VirtualRuntime().Run(ThrowMain()); }

TEST(RetryTest, ABackoffThatCannotBeIsAMistake) {
  int attempts = 0;
  const auto make = [&] { return Throw(attempts); };
  EXPECT_DEATH((void)Retry({.factor = 0.5}, make, Failed), "factor >= 1");
  EXPECT_DEATH((void)Retry({.jitter = 2}, make, Failed), "jitter <= 1");
  EXPECT_DEATH((void)RetryLimit::Attempts(0), "at least one attempt");
}

}  // namespace
}  // namespace sluice::core::testing
