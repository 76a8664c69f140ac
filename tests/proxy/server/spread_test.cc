// Spread: ends of sessions over a time.
#include "proxy/server/spread.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>

namespace sluice::proxy {
namespace {

constexpr core::Instant kBegin(1000s);

// How many of `sessions` end in each 20th of `window`. Every pause takes longer by `late`.
std::array<size_t, 20> Ends(size_t sessions, core::Duration window, core::Duration late,
                            uint64_t seed) {
  Spread spread(kBegin, window, seed);
  std::array<size_t, 20> ends{};
  core::Instant now = kBegin;
  for (size_t left = sessions; left > 0;) {
    now += spread.NextPause() + late;
    const size_t due = spread.Due(left, now);
    left -= due;
    const auto bucket = static_cast<size_t>(20 * (now - kBegin) / window);
    ends[std::min<size_t>(bucket, 19)] += due;
    EXPECT_TRUE(left == 0 || now < kBegin + window);
  }
  return ends;
}

// Of 1,000 sessions within 10 s: in none of the half seconds more than a tenth.
TEST(Spread, NoHalfSecondHasMoreThanATenth) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const std::array<size_t, 20> ends = Ends(1000, 10s, 0s, seed);
    EXPECT_LE(*std::ranges::max_element(ends), 100u) << seed;
    EXPECT_GE(*std::ranges::min_element(ends), 20u) << seed;
  }
}

TEST(Spread, LooksThatComeLateCatchUp) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const std::array<size_t, 20> ends = Ends(1000, 10s, 150ms, seed);
    EXPECT_LE(*std::ranges::max_element(ends), 100u) << seed;
  }
}

TEST(Spread, AFewSessionsEndWithinTheWindowToo) {
  std::array<size_t, 20> sum{};
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    const std::array<size_t, 20> ends = Ends(1, 1s, 0s, seed);
    for (size_t i = 0; i < ends.size(); ++i) sum[i] += ends[i];
  }
  EXPECT_LE(*std::ranges::max_element(sum), 200u) << "not all at the end";
  EXPECT_GE(*std::ranges::min_element(sum), 40u);
}

TEST(Spread, ThoseThatEndByThemselvesMakeItSlower) {
  Spread spread(kBegin, 10s, 7);
  EXPECT_EQ(spread.Due(0, kBegin + 1s), 0u);
  const size_t due = spread.Due(90, kBegin + 2s);  // a ninth of the time that is left
  EXPECT_TRUE(due == 10 || due == 11) << due;
  EXPECT_EQ(spread.Due(5, kBegin + 10s), 5u) << "all that are left";
  EXPECT_EQ(spread.Due(1, kBegin + 11s), 1u) << "and those that come later";
}

}  // namespace
}  // namespace sluice::proxy
