// SessionRecord: what there is to say about a session that has ended, for the access log.
//
// Durations are nanoseconds, -1 = it did not happen. Plain data; the names are not owned.
#ifndef SLUICE_PROXY_OBSERVE_ACCESS_LOG_SESSION_RECORD_H_
#define SLUICE_PROXY_OBSERVE_ACCESS_LOG_SESSION_RECORD_H_

#include <cstdint>
#include <string_view>

#include "core/base/clock.h"
#include "core/net/socket_api.h"
#include "proxy/observe/end_reason.h"

namespace sluice::proxy {

struct SessionRecord {
  int64_t begin_us = 0;  // wall clock: microseconds since 1970, UTC
  std::string_view listener;
  core::Address client;
  std::string_view upstream;
  std::string_view endpoint;  // empty: none was reached
  uint32_t attempts = 0;      // endpoints tried
  core::Nanos queue = -1;     // waited for an endpoint with room
  core::Nanos connect = -1;   // until an endpoint was connected
  core::Nanos first_byte = -1;
  core::Nanos total = -1;
  uint64_t bytes_up = 0;  // accepted by the kernel, for the upstream
  uint64_t bytes_down = 0;
  EndReason reason;
  int error = 0;  // errno of what broke, 0 = none
  core::PathQuality client_path;
  core::PathQuality upstream_path;
  // Of the bytes that were accepted, those that had not been acknowledged when a reset cut them.
  uint64_t undelivered_up = 0;
  uint64_t undelivered_down = 0;

  bool cut() const { return undelivered_up != 0 || undelivered_down != 0; }
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_ACCESS_LOG_SESSION_RECORD_H_
