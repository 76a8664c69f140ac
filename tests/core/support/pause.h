// Pause: a random moment of doing nothing, so that two threads meet at ever different places.
#ifndef SLUICE_TESTS_CORE_SUPPORT_PAUSE_H_
#define SLUICE_TESTS_CORE_SUPPORT_PAUSE_H_

#include <atomic>
#include <cstdint>

#include "tests/core/support/seed.h"

namespace sluice::core::testing {

// Up to about `most` nanoseconds; short ones are likelier.
inline void Pause(Random& random, uint64_t most) {
  for (uint64_t left = Between(random, 0, most) >> Between(random, 0, 8); left > 0; --left) {
    std::atomic_signal_fence(std::memory_order_seq_cst);  // keeps the loop
  }
}

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_SUPPORT_PAUSE_H_
