#include "proxy/buffer_budget.h"

#include <algorithm>

namespace sluice::proxy {

// The workers share the memory; what one of them has cut off is less than a session's.
uint32_t SessionsThatFit(const conf::Config& config, [[maybe_unused]] uint32_t workers) {
  constexpr uint64_t kPerSession = 2 * kSmallestHolding;
  const uint64_t fit = config.limits.buffer_memory_bytes / kPerSession;
  return static_cast<uint32_t>(std::clamp<uint64_t>(fit, 1, UINT32_MAX));
}

}  // namespace sluice::proxy
