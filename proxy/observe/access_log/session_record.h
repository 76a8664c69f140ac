// SessionRecord: what there is to say about a session that has ended, for the access log.
//
// A duration that is none: it did not happen. Plain data; the names are not owned.
#ifndef SLUICE_PROXY_OBSERVE_ACCESS_LOG_SESSION_RECORD_H_
#define SLUICE_PROXY_OBSERVE_ACCESS_LOG_SESSION_RECORD_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/time.h"
#include "core/net/socket_api.h"
#include "proxy/observe/end_reason.h"

namespace sluice::proxy {

struct SessionRecord {
  std::chrono::sys_time<std::chrono::microseconds> began_at;  // the time of day, UTC
  std::string_view listener;
  core::Address client;
  std::string_view upstream;
  std::string_view endpoint;              // empty: none was reached
  uint32_t attempts = 0;                  // endpoints tried
  std::optional<core::Duration> queue;    // waited for an endpoint with a free slot
  std::optional<core::Duration> connect;  // until an endpoint was connected
  std::optional<core::Duration> first_byte;
  std::optional<core::Duration> total;
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
