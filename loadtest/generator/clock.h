// The monotonic clock, in nanoseconds.
#ifndef SLUICE_LOADTEST_GENERATOR_CLOCK_H_
#define SLUICE_LOADTEST_GENERATOR_CLOCK_H_

#include <time.h>

#include <cstdint>

namespace sluice::loadtest {

inline constexpr uint64_t kSecond = 1'000'000'000;  // ns
inline constexpr uint64_t kNever = ~uint64_t{0};

inline uint64_t NowNs() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * kSecond + static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace sluice::loadtest

#endif  // SLUICE_LOADTEST_GENERATOR_CLOCK_H_
