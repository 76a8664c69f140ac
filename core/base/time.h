// Duration and Instant: a length of time and a point in time, which cannot be confused with each
// other or with a plain number.
//
//   Instant - Instant = Duration      Instant + Duration = Instant      Instant + Instant: no
//
// Sums that would overflow end at Instant::Min() or Instant::Max(), and a difference at the ends of
// Duration: `now + a very long time` is later than every time that a clock shows.
// A time that there may not be is a std::optional. Where the bytes of a frame or of a session count
// it is an OptionalInstant: std::optional<Instant> takes 16 bytes, and a session remembers several
// times as long as it lives.
#ifndef SLUICE_CORE_BASE_TIME_H_
#define SLUICE_CORE_BASE_TIME_H_

#include <chrono>
#include <compare>
#include <cstdint>
#include <limits>
#include <optional>

#include "core/base/check.h"

namespace sluice {

using namespace std::chrono_literals;  // 5ms is a Duration, in every folder

}  // namespace sluice

namespace sluice::core {

using Duration = std::chrono::nanoseconds;

// A point on the time line of a Clock, to the nanosecond.
class Instant {
 public:
  // The clock's origin, which says nothing about the time of day.
  constexpr Instant() = default;
  constexpr explicit Instant(Duration since_origin)
      : nanos_(since_origin.count() < kMin ? kMin : since_origin.count()) {}

  static constexpr Instant Min() { return Instant(Duration(kMin)); }
  static constexpr Instant Max() { return Instant(Duration(kMax)); }

  constexpr Duration since_origin() const { return Duration(nanos_); }

  constexpr auto operator<=>(const Instant&) const = default;

  constexpr Instant& operator+=(Duration span) {
    int64_t sum;
    if (__builtin_add_overflow(nanos_, span.count(), &sum) || sum < kMin) [[unlikely]] {
      sum = span.count() < 0 ? kMin : kMax;
    }
    nanos_ = sum;
    return *this;
  }
  constexpr Instant& operator-=(Duration span) {
    int64_t difference;
    if (__builtin_sub_overflow(nanos_, span.count(), &difference) || difference < kMin)
        [[unlikely]] {
      difference = span.count() < 0 ? kMax : kMin;
    }
    nanos_ = difference;
    return *this;
  }
  friend constexpr Instant operator+(Instant at, Duration span) { return at += span; }
  friend constexpr Instant operator+(Duration span, Instant at) { return at += span; }
  friend constexpr Instant operator-(Instant at, Duration span) { return at -= span; }

  friend constexpr Duration operator-(Instant later, Instant earlier) {
    int64_t difference;
    if (__builtin_sub_overflow(later.nanos_, earlier.nanos_, &difference)) {
      return later < earlier ? Duration::min() : Duration::max();
    }
    return Duration(difference);
  }

 private:
  friend class OptionalInstant;
  // The value below Min() is free: OptionalInstant's mark for "no time".
  static constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  static constexpr int64_t kMin = -kMax;

  int64_t nanos_ = 0;
};

// std::optional<Instant> in 8 bytes, with the same interface.
class OptionalInstant {
 public:
  constexpr OptionalInstant() = default;
  constexpr OptionalInstant(std::nullopt_t) {}                  // NOLINT: as std::optional
  constexpr OptionalInstant(Instant at) : nanos_(at.nanos_) {}  // NOLINT: as std::optional
  constexpr OptionalInstant(const std::optional<Instant>& at)   // NOLINT: as std::optional
      : nanos_(at.has_value() ? at->nanos_ : kNone) {}

  constexpr bool has_value() const { return nanos_ != kNone; }
  constexpr explicit operator bool() const { return has_value(); }
  constexpr void reset() { nanos_ = kNone; }

  // There must be one.
  constexpr Instant operator*() const {
    SLUICE_DCHECK(has_value());
    return Instant(Duration(nanos_));
  }
  constexpr Instant value() const {
    SLUICE_CHECK(has_value());
    return Instant(Duration(nanos_));
  }
  constexpr Instant value_or(Instant other) const {
    return has_value() ? Instant(Duration(nanos_)) : other;
  }

  // No time is less than any time, as with std::optional.
  friend constexpr bool operator==(OptionalInstant, OptionalInstant) = default;
  friend constexpr auto operator<=>(OptionalInstant, OptionalInstant) = default;

 private:
  static constexpr int64_t kNone = std::numeric_limits<int64_t>::min();

  int64_t nanos_ = kNone;
};

static_assert(sizeof(Instant) == 8);
static_assert(sizeof(OptionalInstant) == 8);

}  // namespace sluice::core

#endif  // SLUICE_CORE_BASE_TIME_H_
