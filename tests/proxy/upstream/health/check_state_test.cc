#include "proxy/upstream/health/check_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "core/base/random.h"
#include "core/base/time.h"
#include "proxy/upstream/health/check_pace.h"

namespace sluice::proxy {
namespace {

using core::Duration;
using core::Instant;

constexpr CheckPace kPace = {.interval = 2s, .fast_interval = 500ms, .down_interval = 5s};

TEST(CheckState, ChangesOnlyAfterRiseAndFall) {
  CheckState state = CheckState::AtStart();
  const CheckRule rule{.rise = 2, .fall = 3};
  EXPECT_TRUE(state.is_up());
  EXPECT_FALSE(state.On(false, rule));
  EXPECT_FALSE(state.On(false, rule));
  EXPECT_TRUE(state.is_up() && state.is_changing());
  EXPECT_TRUE(state.On(false, rule));
  EXPECT_FALSE(state.is_up());
  EXPECT_FALSE(state.is_changing());
  EXPECT_FALSE(state.On(true, rule));
  EXPECT_FALSE(state.On(false, rule));  // the row is over
  EXPECT_FALSE(state.On(true, rule));
  EXPECT_FALSE(state.is_up());
  EXPECT_TRUE(state.On(true, rule));
  EXPECT_TRUE(state.is_up());
}

TEST(CheckState, OneThatFlapsWithEveryCheckStaysAsItIs) {
  CheckState state = CheckState::AtStart();
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(state.On(i % 2 == 0, {.rise = 2, .fall = 2})) << i;
  EXPECT_TRUE(state.is_up());
}

TEST(CheckState, TheFirstCheckDecidesAboutOneThatJoins) {
  CheckState good = CheckState::OfJoiner();
  EXPECT_FALSE(good.is_up());
  EXPECT_TRUE(good.On(true, {.rise = 5, .fall = 5}));
  EXPECT_TRUE(good.is_up());
  CheckState bad = CheckState::OfJoiner();
  EXPECT_TRUE(bad.On(false, {.rise = 2, .fall = 5}));
  EXPECT_FALSE(bad.is_up());
  EXPECT_FALSE(bad.is_new());
  EXPECT_FALSE(bad.On(true, {.rise = 2, .fall = 5}));  // then as any other
  EXPECT_TRUE(bad.On(true, {.rise = 2, .fall = 5}));
}

// The last results decide, as a reading of the whole history says.
TEST(CheckState, IsWhatItsHistorySays) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const CheckRule rule{.rise = static_cast<uint32_t>(core::Mix(seed) % 4 + 1),
                         .fall = static_cast<uint32_t>(core::Mix(seed + 1) % 4 + 1)};
    CheckState state = CheckState::AtStart();
    std::vector<bool> history;
    bool is_up = true;
    size_t begin = 0;  // of what counts: behind the last change
    for (uint64_t i = 0; i < 200; ++i) {
      const bool passed = core::Mix(seed * 1000 + i) % 3 != 0;
      history.push_back(passed);
      const size_t needed = is_up ? rule.fall : rule.rise;
      const bool is_row = history.size() - begin >= needed &&
                          std::all_of(history.end() - static_cast<ptrdiff_t>(needed), history.end(),
                                      [is_up](bool each) { return each != is_up; });
      EXPECT_EQ(state.On(passed, rule), is_row);
      if (is_row) {
        is_up = !is_up;
        begin = history.size();
      }
      ASSERT_EQ(state.is_up(), is_up) << "seed " << seed << ", check " << i;
    }
  }
}

TEST(CheckPace, CountsFromStartToStartWithinFivePercent) {
  const Instant start = Instant() + 100s;
  Instant least = Instant::Max();
  Instant most = Instant::Min();
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    const Instant next = kPace.Next(start, start + 300ms, CheckState::AtStart(), seed);
    least = std::min(least, next);
    most = std::max(most, next);
  }
  EXPECT_GE(least, start + 1900ms);
  EXPECT_LT(least, start + 1910ms);
  EXPECT_LT(most, start + 2100ms);
  EXPECT_GT(most, start + 2090ms);
}

TEST(CheckPace, ALateCheckDelaysTheNext) {
  const Instant start = Instant() + 100s;
  EXPECT_EQ(kPace.Next(start, start + 3s, CheckState::AtStart(), 1), start + 3s);
}

TEST(CheckPace, IsFastWhileItChangesAndSlowWhileDown) {
  CheckState state = CheckState::AtStart();
  EXPECT_EQ(kPace.PauseOf(state), 2s);
  (void)state.On(false, {.rise = 2, .fall = 2});
  EXPECT_EQ(kPace.PauseOf(state), 500ms);
  (void)state.On(false, {.rise = 2, .fall = 2});
  EXPECT_EQ(kPace.PauseOf(state), 5s);
  (void)state.On(true, {.rise = 2, .fall = 2});
  EXPECT_EQ(kPace.PauseOf(state), 500ms);
  EXPECT_EQ(kPace.PauseOf(CheckState::OfJoiner()), 500ms);
  constexpr CheckPace kOften = {.interval = 50ms, .fast_interval = 500ms, .down_interval = 5s};
  EXPECT_EQ(kOften.PauseOf(CheckState::OfJoiner()), 50ms);  // never slower than usual
}

TEST(CheckPace, FirstChecksAreSpreadOverTheInterval) {
  const Instant now = Instant() + 100s;
  constexpr uint64_t kCount = 40;
  for (uint64_t i = 0; i < kCount; ++i) {
    const Instant first = kPace.First(now, i, kCount, i * 7);
    EXPECT_GE(first, now + 50ms * i);
    EXPECT_LT(first, now + 50ms * (i + 1));
  }
}

}  // namespace
}  // namespace sluice::proxy
