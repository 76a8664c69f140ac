// SessionRow: one session as an operator sees it, and which of many rows he wants to see. Pure.
//
//   std::vector<SessionRow> rows = ...;              // session_registry.h
//   const SessionPage page = Select(std::move(rows), {.filter = {.upstream = "app", .min_idle =
//   1min},
//                                                     .order = SessionOrder::kIdle,
//                                                     .limit = 20});
//
// Checked by: tests/proxy/session/session_row_test.cc.
#ifndef SLUICE_PROXY_SESSION_SESSION_ROW_H_
#define SLUICE_PROXY_SESSION_SESSION_ROW_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/net/address.h"
#include "core/net/socket_options.h"

namespace sluice::proxy {

enum class SessionStage : uint8_t {
  kIdentify,    // it waits for its client's PROXY header
  kRoute,       // what its client sends first says where it goes
  kConnect,     // it waits for a free slot, or for an endpoint to take the connection
  kRelay,       // both directions are open
  kHalfClosed,  // one side has ended its stream
  kFlush,       // it has ended, and a peer still takes what was sent before
};
inline constexpr size_t kSessionStageCount = 6;

constexpr std::string_view Name(SessionStage stage) {
  constexpr std::string_view kNames[] = {"identify", "route",       "connect",
                                         "relay",    "half_closed", "flush"};
  static_assert(sizeof(kNames) / sizeof(kNames[0]) == kSessionStageCount);
  return kNames[static_cast<size_t>(stage)];
}

// What the kernel knows of a session's two connections.
struct SessionPaths {
  core::PathQuality client;
  core::PathQuality upstream;
  // Bytes that are sent and that their reader has not acknowledged.
  uint64_t buffered_up = 0;
  uint64_t buffered_down = 0;
};

// How much a row shows.
enum class RowDetail : uint8_t {
  kNumbers,  // id, stage, times and bytes: no system call
  kNames,    // also the client, which takes one
  kPaths,    // also SessionPaths, which take four more
};

struct SessionRow {
  uint64_t id = 0;  // of this session alone, as long as the process runs
  std::string listener = {};
  core::Address client = {};  // as its PROXY header says, where it has sent one
  core::Address peer = {};    // the address of its connection
  std::string upstream = {};
  std::string endpoint = {};  // empty: it has none yet, or none any more
  SessionStage stage = SessionStage::kConnect;
  core::Duration age{0};
  core::Duration idle{0};  // since the last byte in either direction
  uint64_t bytes_up = 0;   // accepted by the kernel, for the upstream
  uint64_t bytes_down = 0;
  uint64_t rate_up = 0;  // bytes per second: session_rates.h
  uint64_t rate_down = 0;
  std::optional<SessionPaths> paths = {};  // if it was asked for
};

// What is empty or 0 lets all pass.
struct SessionFilter {
  std::string listener = {};
  std::string upstream = {};
  std::string endpoint = {};
  std::string client = {};  // an address, with its port or without one: then of any port
  std::optional<SessionStage> stage = {};
  core::Duration min_age{0};
  core::Duration min_idle{0};
  uint64_t min_bytes = 0;  // of both directions

  bool operator==(const SessionFilter&) const = default;
};

bool Matches(const SessionFilter& filter, const SessionRow& row);

// The oldest first, and for all others the largest first.
enum class SessionOrder : uint8_t { kAge, kIdle, kBytes, kBytesUp, kBytesDown, kRoundTrip, kRate };

struct SessionQuery {
  SessionFilter filter = {};
  SessionOrder order = SessionOrder::kAge;
  bool reversed = false;
  size_t offset = 0;
  size_t limit = SIZE_MAX;
};

struct SessionPage {
  std::vector<SessionRow> rows;
  size_t total = 0;  // that the filter lets pass
};

// Rows that are equal in the order are in that of their ids, so that pages fit together.
SessionPage Select(std::vector<SessionRow> rows, const SessionQuery& query);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_SESSION_ROW_H_
