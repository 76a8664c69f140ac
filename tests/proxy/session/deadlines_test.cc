// CheckDeadlines by its table: each timeout alone, the order in which they count, and when to look
// again.
#include "proxy/session/deadlines.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

namespace sluice::proxy {
namespace {

using core::Duration;
using core::Instant;
using core::OptionalInstant;

constexpr Instant kNow(1000s);
constexpr OptionalInstant kNotAtAll;

// Seconds before or after now.
constexpr Instant At(double seconds) {
  return kNow + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

constexpr SessionTimeouts kLimits = {
    .idle = 10s, .half_close = 4s, .write_stall = 6s, .look_every = 1s};

// Connected a second ago, silent since.
SessionTimes Quiet() {
  return {.connected = true, .up = {.last_byte_at = At(-1)}, .down = {.last_byte_at = At(-1)}};
}

struct Row {
  std::string name;
  SessionTimes times;
  OptionalInstant at;
  std::optional<EndCause> passed = {};
};

SessionTimes With(SessionTimes times, auto change) {
  change(times);
  return times;
}

const Row kRows[] = {
    {"silent", Quiet(), At(9)},
    {"something upwards", With(Quiet(), [](auto& t) { t.up.last_byte_at = At(-0.5); }), At(9.5)},
    {"something downwards", With(Quiet(), [](auto& t) { t.down.last_byte_at = kNow; }), At(10)},
    {"idle", With(Quiet(), [](auto& t) { t.up.last_byte_at = t.down.last_byte_at = At(-10); }),
     kNotAtAll, EndCause::kIdleTimeout},
    {"almost idle",
     With(Quiet(), [](auto& t) { t.up.last_byte_at = t.down.last_byte_at = At(-10) + 1ns; }),
     kNow + 1ns},
    {"a peer has to take something", With(Quiet(), [](auto& t) { t.may_progress = true; }), At(1)},
    {"a send waits", With(Quiet(), [](auto& t) { t.down.sending = true; }), At(5)},
    {"a send stalls", With(Quiet(), [](auto& t) { t.down = {At(-6), true}; }), kNotAtAll,
     EndCause::kWriteStall},
    {"the other direction does not help it",
     With(Quiet(),
          [](auto& t) {
            t.up = {At(-6), true};
            t.down = {kNow, true};
          }),
     kNotAtAll, EndCause::kWriteStall},
    {"nothing to send is no stall", With(Quiet(), [](auto& t) { t.up.last_byte_at = At(-7); }),
     At(9)},
    {"paced: until its wait is over it neither stalls nor idles",
     With(Quiet(), [](auto& t) { t.up.last_byte_at = At(3600); }), At(3610)},
    {"half-closed: looked at in quarters",
     With(Quiet(), [](auto& t) { t.half_closed_at = At(-2); }), At(1)},
    {"half-closed: less than a quarter is left",
     With(Quiet(),
          [](auto& t) { t.half_closed_at = t.up.last_byte_at = t.down.last_byte_at = At(-3.5); }),
     At(0.5)},
    {"half-closed for too long",
     With(Quiet(),
          [](auto& t) { t.half_closed_at = t.up.last_byte_at = t.down.last_byte_at = At(-4); }),
     kNotAtAll, EndCause::kHalfCloseTimeout},
    {"half-closed: progress before the end does not count against it",
     With(Quiet(),
          [](auto& t) {
            t.half_closed_at = At(-1);
            t.up.last_byte_at = t.down.last_byte_at = At(-9);
          }),
     At(1)},
    {"half-closed and idle: what passes first in the order of the list",
     With(Quiet(),
          [](auto& t) { t.half_closed_at = t.up.last_byte_at = t.down.last_byte_at = At(-20); }),
     kNotAtAll, EndCause::kHalfCloseTimeout},
    {"the lifetime ends it first", With(Quiet(), [](auto& t) { t.expires_at = At(3); }), At(3)},
    {"the lifetime is over",
     With(Quiet(),
          [](auto& t) {
            t.expires_at = kNow;
            t.up = t.down = {At(-100), true};
          }),
     kNotAtAll, EndCause::kMaxLifetime},
    {"connecting: only the lifetime counts",
     With({}, [](auto& t) { t = {At(7), false, true, At(-9), {At(-99), true}, {}}; }), At(7)},
    {"connecting, the lifetime is over", With({}, [](auto& t) { t.expires_at = At(-1); }),
     kNotAtAll, EndCause::kMaxLifetime},
    {"connecting, without a lifetime", {}, kNotAtAll},
};

TEST(Deadlines, TheTable) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.name);
    const NextDeadline next = CheckDeadlines(kLimits, row.times, kNow);
    EXPECT_EQ(next.at, row.at) << (next.at ? (*next.at - kNow) / 1ms : -1) << " ms";
    ASSERT_EQ(next.passed.has_value(), row.passed.has_value());
    if (row.passed) {
      EXPECT_EQ(Name(*next.passed), Name(*row.passed));
    }
  }
}

TEST(Deadlines, WithoutLimitsNothingPasses) {
  for (const Row& row : kRows) {
    SessionTimes times = row.times;
    times.expires_at = kNotAtAll;
    const NextDeadline next = CheckDeadlines({}, times, kNow);
    EXPECT_EQ(next.at, kNotAtAll) << row.name;
    EXPECT_FALSE(next.passed) << row.name;
  }
}

TEST(Deadlines, Expiry) {
  EXPECT_EQ(ExpiryOf({}, kNow, 1), kNotAtAll);
  EXPECT_EQ(ExpiryOf({.max_lifetime = 1s}, kNow, 1), At(1));
  const SessionTimeouts spread = {.max_lifetime = 10s, .max_lifetime_jitter = 4s};
  Instant earliest = Instant::Max();
  Instant latest = Instant::Min();
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    const Instant expiry = ExpiryOf(spread, kNow, seed).value();
    EXPECT_EQ(expiry, ExpiryOf(spread, kNow, seed));
    earliest = std::min(earliest, expiry);
    latest = std::max(latest, expiry);
  }
  EXPECT_GT(earliest, At(6));
  EXPECT_LT(earliest, At(6.1));
  EXPECT_LE(latest, At(10));
  EXPECT_GT(latest, At(9.9));
}

TEST(Deadlines, AQuarterIsAtLeastAMillisecond) {
  EXPECT_EQ(QuarterOf(4s), 1s);
  EXPECT_EQ(QuarterOf(1ms), 1ms);
}

TEST(Deadlines, MovesUntilTheStall) {
  EXPECT_TRUE(Moves(kLimits, At(-6) + 1ns, kNow));
  EXPECT_FALSE(Moves(kLimits, At(-6), kNow));
}

}  // namespace
}  // namespace sluice::proxy
