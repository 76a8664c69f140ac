// Time as the runtime sees it: nanoseconds of a clock that never goes back, passed in by main.
#ifndef SLUICE_CORE_BASE_CLOCK_H_
#define SLUICE_CORE_BASE_CLOCK_H_

#include <cstdint>
#include <ctime>

#include "core/base/time.h"

namespace sluice::core {

// What counts time in plain numbers; newer code has Duration and Instant (core/base/time.h).
using Nanos = int64_t;

inline constexpr Nanos kMicrosecond = 1000;
inline constexpr Nanos kMillisecond = 1000 * kMicrosecond;
inline constexpr Nanos kSecond = 1000 * kMillisecond;

constexpr Instant InstantOf(Nanos at) { return Instant(Duration(at)); }
constexpr Nanos NanosOf(Instant at) { return at.since_origin().count(); }

// Any thread may call Now() and Time(), which are the same moment.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Nanos Now() const = 0;
  Instant Time() const { return InstantOf(Now()); }
};

class MonotonicClock final : public Clock {
 public:
  Nanos Now() const override {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * kSecond + now.tv_nsec;
  }
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_BASE_CLOCK_H_
