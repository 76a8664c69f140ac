// Jitter: a number by chance, to spread what would otherwise happen at the same moment.
#ifndef SLUICE_CORE_BASE_RANDOM_H_
#define SLUICE_CORE_BASE_RANDOM_H_

#include <cstdint>

#include "core/base/time.h"

namespace sluice::core {

// Mixes its input well (the finaliser of Steele, Lea and Flood's SplitMix64, 2014).
constexpr uint64_t Mix(uint64_t z) {
  z += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// At least 0, less than `range` (> 0); the same for the same seed.
constexpr Duration Jitter(Duration range, uint64_t seed) {
  return Duration(static_cast<int64_t>(Mix(seed) % static_cast<uint64_t>(range.count())));
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_BASE_RANDOM_H_
