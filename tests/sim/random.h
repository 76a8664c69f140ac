// Random: the one source of chance of a simulation; every part gets a stream of its own, so that
// leaving one part out (shrinking) does not change what the others do.
#ifndef SLUICE_TESTS_SIM_RANDOM_H_
#define SLUICE_TESTS_SIM_RANDOM_H_

#include <cstddef>
#include <cstdint>

#include "core/base/time.h"

namespace sluice::sim {

// SplitMix64's output function: equal inputs, equal outputs, no visible pattern.
inline uint64_t Mix(uint64_t value) {
  value += 0x9E3779B97F4A7C15u;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
  return value ^ (value >> 31);
}

class Random {
 public:
  Random(uint64_t seed, uint64_t stream) : state_(Mix(seed) ^ Mix(~stream)) {}

  uint64_t Next() { return Mix(state_++); }
  // In [0, bound); `bound` > 0.
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  // In [low, high].
  int64_t Between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(Below(static_cast<uint64_t>(high - low) + 1));
  }
  bool Chance(uint32_t per_mille) { return per_mille != 0 && Below(1000) < per_mille; }
  // Mostly small, now and then up to `high`: in [low, high].
  int64_t Skewed(int64_t low, int64_t high) {
    return Between(low, low + (high - low) / (int64_t{1} << Below(8)));
  }
  core::Duration Between(core::Duration low, core::Duration high) {
    return core::Duration(Between(low.count(), high.count()));
  }
  core::Duration Skewed(core::Duration low, core::Duration high) {
    return core::Duration(Skewed(low.count(), high.count()));
  }

 private:
  uint64_t state_;
};

// The byte at `offset` of the stream with this key. A quarter of them begin like those of SSH.
inline std::byte StreamByte(uint64_t key, uint64_t offset) {
  constexpr char kSsh[] = {'S', 'S', 'H', '-'};
  if (key % 4 == 0 && offset < sizeof(kSsh)) return static_cast<std::byte>(kSsh[offset]);
  return static_cast<std::byte>(Mix(key ^ (offset >> 3)) >> (8 * (offset & 7)));
}

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_RANDOM_H_
