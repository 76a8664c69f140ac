// Time as the runtime sees it: nanoseconds of a clock that never goes back, passed in by main.
#ifndef SLUICE_CORE_BASE_CLOCK_H_
#define SLUICE_CORE_BASE_CLOCK_H_

#include <cstdint>
#include <ctime>

namespace sluice::core {

using Nanos = int64_t;

inline constexpr Nanos kMicrosecond = 1000;
inline constexpr Nanos kMillisecond = 1000 * kMicrosecond;
inline constexpr Nanos kSecond = 1000 * kMillisecond;

// Any thread may call Now().
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Nanos Now() const = 0;
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
