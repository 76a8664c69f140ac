// Count: adds to a counter that one thread writes and any thread reads.
#ifndef SLUICE_CORE_BASE_COUNTER_H_
#define SLUICE_CORE_BASE_COUNTER_H_

#include <atomic>
#include <cstdint>

#include "core/base/atomic.h"

namespace sluice::core {

// By the counter's one writer: a load, an add and a store (relaxed), no locked instruction.
inline void Count(Atomic<uint64_t>& counter, uint64_t amount = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_BASE_COUNTER_H_
