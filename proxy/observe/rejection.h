// Refusal: the limit because of which a client was turned away before it had a session.
#ifndef SLUICE_PROXY_OBSERVE_REFUSAL_H_
#define SLUICE_PROXY_OBSERVE_REFUSAL_H_

#include <cstddef>
#include <string_view>

namespace sluice::proxy {

enum class Refusal {
  kNone,
  kConnections,  // limits.max_connections
  kListener,     // the listener's max_connections
  kSource,       // per_source.max_connections
  kRate,         // new_connections, of the listener or of all
  kMemory,       // none is left for new sessions (heap_reserve.h)
  kBuffers,      // limits.buffer_memory serves no more sessions (buffer_budget.h)
};
inline constexpr size_t kRefusalCount = 7;

constexpr std::string_view Name(Refusal refusal) {
  constexpr std::string_view kNames[] = {"none", "connections", "listener", "source",
                                         "rate", "memory",      "buffers"};
  static_assert(sizeof(kNames) / sizeof(kNames[0]) == kRefusalCount);
  return kNames[static_cast<size_t>(refusal)];
}

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_REFUSAL_H_
