// EndReason: why a session ended and which side caused that. Every session has exactly one.
#ifndef SLUICE_PROXY_OBSERVE_END_REASON_H_
#define SLUICE_PROXY_OBSERVE_END_REASON_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::proxy {

// One byte each: a session holds them for as long as it lives.
enum class Initiator : uint8_t { kClient, kUpstream, kProxy, kAdmin };
inline constexpr size_t kInitiatorCount = 4;

enum class EndCause : uint8_t {
  kClosed,            // both directions ended with FIN; the initiator sent the first
  kReset,             // the initiator reset its connection, or it broke (the log has the errno)
  kNoUpstream,        // no endpoint could be reached
  kQueueTimeout,      // no endpoint had a free slot within upstreams[].queue_timeout
  kIdleTimeout,       // no progress in either direction for timeouts.idle
  kHalfCloseTimeout,  // one direction had ended; no progress for timeouts.half_close
  kWriteStall,        // the receiver took no byte for timeouts.write_stall
  kMaxLifetime,       // timeouts.max_lifetime
  kShutdown,          // the proxy stopped and the session outlived drain_timeout
  kEndpointRemoved,   // a reload removed the endpoint, and on_removed allowed no more time
  kKilled,            // an administrator has ended this session
  kShed,              // an administrator has asked for the end of a share of all sessions
  kEndpointDown,      // the endpoint has failed its checks, with health.on_down: reset
  kPrereadTimeout,    // the client has not said where it goes, with preread.on_timeout: reject
  kNoRoute,           // it speaks no TLS and nothing that a route names, with not_tls: reject
  // While the client is identified (proxy/session/identify.cc). The last two are rejections, too.
  kProxyProtocolError,    // its PROXY header is missing or malformed, or it may not send one
  kProxyProtocolTimeout,  // the header was not complete within proxy_protocol.timeout
  kSource,                // per_source.max_connections of the address in the header
  kAccess,                // an access list has it
  kNoSource,  // with source_address: client, and it has no address of the endpoint's family
};
inline constexpr size_t kEndCauseCount = 20;

struct EndReason {
  Initiator initiator = Initiator::kProxy;
  EndCause cause = EndCause::kClosed;

  friend bool operator==(const EndReason&, const EndReason&) = default;
};

constexpr std::string_view Name(Initiator initiator) {
  constexpr std::string_view kNames[] = {"client", "upstream", "proxy", "admin"};
  static_assert(sizeof(kNames) / sizeof(kNames[0]) == kInitiatorCount);
  return kNames[static_cast<size_t>(initiator)];
}

constexpr std::string_view Name(EndCause cause) {
  constexpr std::string_view kNames[] = {"closed",
                                         "reset",
                                         "no_upstream",
                                         "queue_timeout",
                                         "idle_timeout",
                                         "half_close_timeout",
                                         "write_stall",
                                         "max_lifetime",
                                         "shutdown",
                                         "endpoint_removed",
                                         "killed",
                                         "shed",
                                         "endpoint_down",
                                         "preread_timeout",
                                         "no_route",
                                         "proxy_protocol_error",
                                         "proxy_protocol_timeout",
                                         "source",
                                         "access",
                                         "no_source"};
  static_assert(sizeof(kNames) / sizeof(kNames[0]) == kEndCauseCount);
  return kNames[static_cast<size_t>(cause)];
}

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_END_REASON_H_
