// Meter: how far a rate has been overdrawn: the most that came in any stretch of time, beyond what
// the rate allows for it.
#ifndef SLUICE_TESTS_SIM_METER_H_
#define SLUICE_TESTS_SIM_METER_H_

#include <algorithm>
#include <cstdint>

#include "core/base/time.h"

namespace sluice::sim {

class Meter {
 public:
  explicit Meter(uint64_t per_second) : per_second_(static_cast<double>(per_second)) {}

  void Add(core::Instant now, uint64_t amount) {
    level_ = Level(now) + static_cast<double>(amount);
    at_ = now;
  }
  // The maximum, over all stretches that end at `now`, of what came less what may come.
  double Level(core::Instant now) const { return std::max(0.0, level_ - Worth(now - at_)); }
  // What the rate allows for so long.
  double Worth(core::Duration time) const {
    return per_second_ * static_cast<double>(time.count()) * 1e-9;
  }
  bool limited() const { return per_second_ != 0; }

 private:
  const double per_second_;
  double level_ = 0;
  core::Instant at_;
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_METER_H_
