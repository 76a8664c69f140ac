// Duration, Instant and OptionalInstant: what can be added to what, and the ends of the time line.

#include "core/base/time.h"

#include <gtest/gtest.h>

#include <atomic>
#include <concepts>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace sluice::core {
namespace {

template <typename A, typename B>
concept CanAdd = requires(A a, B b) {
  a + b;
};
template <typename A, typename B>
concept CanSubtract = requires(A a, B b) {
  a - b;
};
template <typename A, typename B>
concept CanCompare = requires(A a, B b) {
  a < b;
};

static_assert(CanAdd<Instant, Duration> && CanAdd<Duration, Instant>);
static_assert(CanAdd<Instant, std::chrono::milliseconds>);
static_assert(std::same_as<decltype(Instant() - Instant()), Duration>);
static_assert(std::same_as<decltype(Instant() - Duration()), Instant>);
static_assert(!CanAdd<Instant, Instant>);
static_assert(!CanAdd<Instant, int64_t> && !CanAdd<int64_t, Instant>);
static_assert(!CanSubtract<Instant, int64_t> && !CanSubtract<Duration, Instant>);
static_assert(!CanCompare<Instant, Duration> && !CanCompare<Instant, int64_t>);
static_assert(!std::is_constructible_v<Instant, int64_t>);
static_assert(!std::is_convertible_v<Duration, Instant>);
static_assert(!std::is_convertible_v<Instant, bool>);
static_assert(std::is_trivially_copyable_v<Instant>);
static_assert(std::is_trivially_copyable_v<OptionalInstant>);
static_assert(std::atomic<Instant>::is_always_lock_free);
static_assert(Instant() + 5ms - 5ms == Instant(), "usable at compile time");

constexpr Instant kNow(1000s);

TEST(InstantTest, AddsAndSubtracts) {
  EXPECT_EQ(kNow + 5ms - kNow, 5ms);
  EXPECT_EQ(5ms + kNow, kNow + 5ms);
  EXPECT_EQ(kNow - (kNow + 5ms), -5ms);
  EXPECT_EQ((kNow + 1ns).since_origin(), 1000s + 1ns);
  Instant at = kNow;
  at += 2s;
  at -= 500ms;
  EXPECT_EQ(at, kNow + 1500ms);
}

TEST(InstantTest, IsInOrderOfTime) {
  EXPECT_LT(kNow, kNow + 1ns);
  EXPECT_GT(kNow, kNow - 1ns);
  EXPECT_LT(Instant::Min(), Instant());
  EXPECT_LT(Instant(), Instant::Max());
}

TEST(InstantTest, ASumEndsAtTheEnds) {
  EXPECT_EQ(kNow + Duration::max(), Instant::Max());
  EXPECT_EQ(Instant::Max() + 1ns, Instant::Max());
  EXPECT_EQ(Instant::Max() - Duration::min(), Instant::Max());
  EXPECT_EQ(Instant(-1000s) + Duration::min(), Instant::Min());
  EXPECT_EQ(Instant::Min() - 1ns, Instant::Min());
  EXPECT_EQ(Instant(-1000s) - Duration::max(), Instant::Min());
  EXPECT_EQ(Instant(Duration::min()), Instant::Min());
  // The last sums before the ends are exact.
  EXPECT_EQ(Instant::Max() - 1ns + 1ns, Instant::Max());
  EXPECT_LT(Instant::Max() - 1ns, Instant::Max());
  EXPECT_EQ(Instant() - Duration::max(), Instant::Min());
  EXPECT_GT(Instant::Min() + 1ns, Instant::Min());
}

TEST(InstantTest, ADifferenceEndsAtTheEnds) {
  EXPECT_EQ(Instant::Max() - Instant::Min(), Duration::max());
  EXPECT_EQ(Instant::Min() - Instant::Max(), Duration::min());
  EXPECT_EQ(Instant::Max() - Instant::Max(), 0ns);
}

TEST(OptionalInstantTest, HasATimeOrNone) {
  OptionalInstant at;
  EXPECT_FALSE(at.has_value());
  EXPECT_FALSE(at);
  EXPECT_EQ(at, std::nullopt);
  EXPECT_EQ(at.value_or(kNow), kNow);
  at = kNow;
  ASSERT_TRUE(at);
  EXPECT_EQ(*at, kNow);
  EXPECT_EQ(at.value(), kNow);
  EXPECT_EQ(at.value_or(Instant()), kNow);
  EXPECT_EQ(at, kNow);
  at.reset();
  EXPECT_FALSE(at);
  at = std::optional<Instant>(kNow);
  EXPECT_EQ(at, kNow);
  at = std::nullopt;
  EXPECT_FALSE(at);
  EXPECT_FALSE(OptionalInstant(std::optional<Instant>()));
}

TEST(OptionalInstantTest, HoldsEveryInstant) {
  for (const Instant at : {Instant::Min(), Instant(-1ns), Instant(), Instant(1ns), Instant::Max(),
                           Instant(Duration::min()), Instant::Min() - 1s, Instant::Max() + 1s}) {
    const OptionalInstant held = at;
    ASSERT_TRUE(held.has_value());
    EXPECT_EQ(*held, at);
    EXPECT_LT(OptionalInstant(), held) << "as std::optional: nothing comes first";
  }
}

TEST(OptionalInstantDeathTest, ValueOfNone) {
  EXPECT_DEATH((void)OptionalInstant().value(), "check failed");
}

}  // namespace
}  // namespace sluice::core
