// EndReason: why a session ended and who began it. Every session has exactly one.
#ifndef SLUICE_PROXY_OBSERVE_END_REASON_H_
#define SLUICE_PROXY_OBSERVE_END_REASON_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::proxy {

// A byte each: a session holds them for life.
enum class By : uint8_t { kClient, kUpstream, kProxy, kAdmin };

enum class What : uint8_t {
  kClosed,            // both directions ended with FIN; `by` sent the first
  kReset,             // `by` reset its connection, or it broke (the errno is in the log)
  kNoUpstream,        // no endpoint could be reached
  kQueueTimeout,      // no endpoint had room for upstreams[].queue_timeout
  kIdleTimeout,       // no progress either way for timeouts.idle
  kHalfCloseTimeout,  // one direction ended, and there was no progress for timeouts.half_close
  kWriteStall,        // the receiver took no byte for timeouts.write_stall
  kMaxLifetime,       // timeouts.max_lifetime
  kShutdown,          // the proxy stopped and the session outlived drain_timeout
};
inline constexpr size_t kWhatCount = 9;

struct EndReason {
  By by = By::kProxy;
  What what = What::kClosed;
};

constexpr std::string_view Name(By by) {
  constexpr std::string_view kNames[] = {"client", "upstream", "proxy", "admin"};
  return kNames[static_cast<size_t>(by)];
}

constexpr std::string_view Name(What what) {
  constexpr std::string_view kNames[] = {"closed",        "reset",        "no_upstream",
                                         "queue_timeout", "idle_timeout", "half_close_timeout",
                                         "write_stall",   "max_lifetime", "shutdown"};
  static_assert(sizeof(kNames) / sizeof(kNames[0]) == kWhatCount);
  return kNames[static_cast<size_t>(what)];
}

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_END_REASON_H_
