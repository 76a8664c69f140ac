// SocketOptions: what a connection's socket may be told; ListenOptions: what a listening one may.
//
// 0, "" and -1 leave the choice to the kernel. All but the `unix_` ones are about TCP. Times are
// rounded up to what the kernel takes: whole seconds, milliseconds for `user_timeout`.
#ifndef SLUICE_CORE_NET_SOCKET_OPTIONS_H_
#define SLUICE_CORE_NET_SOCKET_OPTIONS_H_

#include <cstdint>
#include <string>

#include "core/base/time.h"

namespace sluice::core {

struct SocketOptions {
  int receive_buffer = 0;  // bytes
  int send_buffer = 0;     // bytes
  int notsent_lowat = 0;   // bytes
  std::string congestion;  // as in net.ipv4.tcp_available_congestion_control
  Duration keepalive{0};   // without traffic before the first probe; 0: no probes
  Duration keepalive_interval{0};
  int keepalive_probes = 0;
  Duration user_timeout{0};

  bool operator==(const SocketOptions&) const = default;
};

struct ListenOptions {
  int backlog = 4096;
  bool ipv6_only = true;
  int unix_mode = -1;     // permissions of the file
  int64_t unix_uid = -1;  // its owner
  int64_t unix_gid = -1;  // its group
  Duration defer_accept{0};
  int fast_open = 0;              // length of the queue
  SocketOptions connection = {};  // inherited by accepted sockets

  bool operator==(const ListenOptions&) const = default;
};

// How well a TCP connection's path did so far.
struct PathQuality {
  bool known = false;        // false: no TCP
  uint32_t rtt_us = 0;       // smoothed
  uint32_t retransmits = 0;  // segments sent again
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_NET_SOCKET_OPTIONS_H_
