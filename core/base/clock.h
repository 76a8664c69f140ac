// Time as the runtime sees it: that of a clock that never goes back, passed in by main.
#ifndef SLUICE_CORE_BASE_CLOCK_H_
#define SLUICE_CORE_BASE_CLOCK_H_

#include <ctime>

#include "core/base/time.h"

namespace sluice::core {

// Any thread may call Now().
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant Now() const = 0;
};

class MonotonicClock final : public Clock {
 public:
  Instant Now() const override {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return Instant(now.tv_sec * 1s + now.tv_nsec * 1ns);
  }
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_BASE_CLOCK_H_
