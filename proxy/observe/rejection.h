// Rejection: the limit because of which a connection was closed before it became a session.
#ifndef SLUICE_PROXY_OBSERVE_REJECTION_H_
#define SLUICE_PROXY_OBSERVE_REJECTION_H_

#include <cstddef>
#include <string_view>

namespace sluice::proxy {

enum class Rejection {
  kNone,
  kConnections,  // limits.max_connections
  kListener,     // the listener's max_connections
  kSource,       // per_source.max_connections
  kRate,         // new_connections, of the listener or of all
  kMemory,       // none is left for new sessions (heap_reserve.h)
  kBuffers,      // limits.buffer_memory serves no more sessions (buffer_budget.h)
  kAccess,       // an access list (proxy/identity/access_list.h)
};
inline constexpr size_t kRejectionCount = 8;

constexpr std::string_view Name(Rejection rejection) {
  constexpr std::string_view kNames[] = {"none", "connections", "listener", "source",
                                         "rate", "memory",      "buffers",  "access"};
  static_assert(sizeof(kNames) / sizeof(kNames[0]) == kRejectionCount);
  return kNames[static_cast<size_t>(rejection)];
}

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_REJECTION_H_
