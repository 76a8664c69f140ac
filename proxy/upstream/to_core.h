// From the configuration's types to the runtime's.
#ifndef SLUICE_PROXY_UPSTREAM_TO_CORE_H_
#define SLUICE_PROXY_UPSTREAM_TO_CORE_H_

#include "conf/config.h"
#include "core/net/socket_options.h"

namespace sluice::proxy {

inline core::SocketOptions ToCore(const conf::Socket& socket) {
  return {.receive_buffer = static_cast<int>(socket.receive_buffer_bytes),
          .send_buffer = static_cast<int>(socket.send_buffer_bytes),
          .notsent_lowat = static_cast<int>(socket.notsent_lowat_bytes),
          .congestion = socket.congestion,
          .keepalive = socket.keepalive,
          .keepalive_interval = socket.keepalive_interval,
          .keepalive_probes = static_cast<int>(socket.keepalive_probes),
          .user_timeout = socket.user_timeout};
}

inline core::ListenOptions ToCore(const conf::ListenSocket& socket) {
  return {.backlog = static_cast<int>(socket.backlog),
          .ipv6_only = socket.ipv6_only,
          .unix_mode = socket.unix_mode,
          .defer_accept = socket.defer_accept,
          .fast_open = static_cast<int>(socket.fast_open),
          .connection = ToCore(static_cast<const conf::Socket&>(socket))};
}

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_TO_CORE_H_
