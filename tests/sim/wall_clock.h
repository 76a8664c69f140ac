// WallClock: what CLOCK_REALTIME says in this process while a simulation runs: virtual time since
// some day, and it can be set at any moment, as an administrator or NTP does.
//
// It stands in for the C library's own call, so that a call that asks for the time of day, in any
// part of the program, gets this one: no decision of the proxy may depend on it.
#ifndef SLUICE_TESTS_SIM_WALL_CLOCK_H_
#define SLUICE_TESTS_SIM_WALL_CLOCK_H_

#include <chrono>

#include "core/base/clock.h"
#include "core/base/time.h"

namespace sluice::sim {

class WallClock {
 public:
  // `clock` outlives it; at most one at a time.
  explicit WallClock(const core::Clock& clock);
  WallClock(const WallClock&) = delete;
  WallClock& operator=(const WallClock&) = delete;
  ~WallClock();

  using Time = std::chrono::sys_time<core::Duration>;
  Time Now() const { return kDay + clock_.Now().since_origin() + jumped_; }
  void Jump(core::Duration by) { jumped_ += by; }
  core::Duration jumped() const { return jumped_; }

  // The one there is, or null.
  static const WallClock* Current();

 private:
  static constexpr Time kDay{1'800'000'000s};
  const core::Clock& clock_;
  core::Duration jumped_{0};
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_WALL_CLOCK_H_
