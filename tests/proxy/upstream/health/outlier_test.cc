#include "proxy/upstream/health/outlier.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/base/random.h"
#include "core/base/time.h"

namespace sluice::proxy {
namespace {

using core::Duration;
using core::Instant;
using Failure = Outlier::Failure;

constexpr OutlierRule kRule = {
    .failures = 3, .ejection = 30s, .max_ejection = 100s, .max_ejected = 50};

// Ejects it by three failures; returns for how long.
Duration Eject(Outlier& outlier, Instant now) {
  EXPECT_FALSE(outlier.OnFailure(Failure::kConnect, kRule, now));
  EXPECT_FALSE(outlier.OnFailure(Failure::kConnect, kRule, now));
  EXPECT_TRUE(outlier.OnFailure(Failure::kConnect, kRule, now));
  return outlier.Eject(kRule, now, 7);
}

TEST(Outlier, OnlyARowOfFailuresCounts) {
  Outlier outlier;
  const Instant now = Instant() + 10s;
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(outlier.OnFailure(Failure::kConnect, kRule, now));
    EXPECT_FALSE(outlier.OnFailure(Failure::kConnect, kRule, now));
    outlier.OnTaken();
  }
  EXPECT_EQ(outlier.failures(), 0u);
}

TEST(Outlier, OneThatTakesConnectionsAndResetsThemIsFound) {
  Outlier outlier;
  const Instant now = Instant() + 10s;
  for (int i = 0; i < 2; ++i) {
    outlier.OnTaken();
    EXPECT_FALSE(outlier.OnFailure(Failure::kReset, kRule, now));
  }
  outlier.OnTaken();
  EXPECT_TRUE(outlier.OnFailure(Failure::kReset, kRule, now));
  outlier.OnAnswered();
  EXPECT_EQ(outlier.failures(), 0u);
}

TEST(Outlier, TheTimeGrowsUpToItsMaximum) {
  Outlier outlier;
  Instant now = Instant() + 10s;
  for (const Duration whole : {30s, 60s, 90s, 100s, 100s}) {
    const Duration ejected = Eject(outlier, now);
    EXPECT_LE(ejected, whole);
    EXPECT_GT(ejected, whole - whole / 10 - 1ms);
    EXPECT_TRUE(outlier.is_ejected());
    EXPECT_FALSE(outlier.OnFailure(Failure::kConnect, kRule, now));  // does not count
    EXPECT_FALSE(outlier.Return(now + ejected - 1ms));
    EXPECT_TRUE(outlier.Return(now + ejected));
    EXPECT_FALSE(outlier.is_ejected());
    EXPECT_EQ(outlier.failures(), 0u);
    now += ejected;
  }
  EXPECT_EQ(outlier.ejections(), 5u);
}

TEST(Outlier, OneEjectionIsForgivenForEachEjectionTimeWithoutAFailure) {
  Outlier outlier;
  Instant now = Instant() + 10s;
  for (int i = 0; i < 3; ++i) {
    now += Eject(outlier, now);
    EXPECT_TRUE(outlier.Return(now));
  }
  now += 29s;
  EXPECT_FALSE(outlier.OnFailure(Failure::kReset, kRule, now));
  EXPECT_EQ(outlier.ejections(), 3u);
  now += 29s;  // the failure began the time again
  EXPECT_FALSE(outlier.OnFailure(Failure::kReset, kRule, now));
  EXPECT_EQ(outlier.ejections(), 3u);
  now += 61s;
  outlier.OnAnswered();
  EXPECT_FALSE(outlier.OnFailure(Failure::kReset, kRule, now));
  EXPECT_EQ(outlier.ejections(), 1u);
  now += 24h;
  EXPECT_FALSE(outlier.OnFailure(Failure::kReset, kRule, now));
  EXPECT_EQ(outlier.ejections(), 0u);
}

// Whatever happens, in whatever order.
TEST(Outlier, KeepsItsPromises) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Outlier outlier;
    Instant now = Instant() + 10s;
    uint32_t row = 0;  // failures since the last answer, as one who only counts them would say
    for (uint64_t i = 0; i < 300; ++i) {
      const uint64_t chance = core::Mix(seed * 1000 + i);
      now += Duration(static_cast<int64_t>(chance % 5'000'000'000));
      if (outlier.Return(now)) row = 0;
      const bool was_ejected = outlier.is_ejected();
      switch (chance >> 40 & 7) {
        case 0:
          outlier.OnAnswered();
          row = 0;
          break;
        case 1:
          outlier.OnTaken();
          break;
        default:
          const Failure failure = (chance >> 50 & 1) != 0 ? Failure::kReset : Failure::kConnect;
          if (!was_ejected) ++row;
          if (!outlier.OnFailure(failure, kRule, now)) break;
          ASSERT_FALSE(was_ejected);
          ASSERT_GE(row, kRule.failures);
          ASSERT_LE(outlier.Eject(kRule, now, chance), kRule.max_ejection);
          row = 0;
      }
      ASSERT_TRUE(!outlier.is_ejected() || *outlier.ejected_until() > now) << seed;
      ASSERT_LT(outlier.failures(), outlier.is_ejected() ? 100u : kRule.failures) << seed;
    }
  }
}

TEST(OutlierRule, AtLeastOneMayBeEjected) {
  EXPECT_EQ(kRule.MostOf(1), 1u);
  EXPECT_EQ(kRule.MostOf(2), 1u);
  EXPECT_EQ(kRule.MostOf(3), 1u);
  EXPECT_EQ(kRule.MostOf(10), 5u);
  OutlierRule tenth = kRule;
  tenth.max_ejected = 10;
  EXPECT_EQ(tenth.MostOf(9), 1u);
  EXPECT_EQ(tenth.MostOf(20), 2u);
}

TEST(Panic, BeginsBelowItsPercentage) {
  EXPECT_FALSE(IsPanic(0, 10, 0));  // off
  EXPECT_FALSE(IsPanic(5, 10, 50));
  EXPECT_TRUE(IsPanic(4, 10, 50));
  EXPECT_TRUE(IsPanic(0, 1, 1));
  EXPECT_FALSE(IsPanic(0, 0, 100));
}

}  // namespace
}  // namespace sluice::proxy
