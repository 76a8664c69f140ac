// The seed of a test's random choices: SLUICE_SEED, or always the same one. It is printed, so that
// a failure can be run again.
#ifndef SLUICE_TESTS_CORE_SUPPORT_SEED_H_
#define SLUICE_TESTS_CORE_SUPPORT_SEED_H_

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace sluice::core::testing {

inline uint64_t Seed() {
  const char* text = std::getenv("SLUICE_SEED");
  const uint64_t seed = text == nullptr ? 20 : std::strtoull(text, nullptr, 10);
  std::printf("SLUICE_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

using Random = std::mt19937_64;

// In [low, high].
inline uint64_t Between(Random& random, uint64_t low, uint64_t high) {
  return low + random() % (high - low + 1);
}

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_SUPPORT_SEED_H_
