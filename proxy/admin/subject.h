// AdminSubject: the process that an admin endpoint shows and steers.
#ifndef SLUICE_PROXY_ADMIN_SUBJECT_H_
#define SLUICE_PROXY_ADMIN_SUBJECT_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "conf/config.h"
#include "core/base/clock.h"
#include "core/base/time.h"
#include "core/log/logger.h"
#include "core/runtime/handle.h"
#include "proxy/server/server.h"

namespace sluice::proxy {

// All of it outlives the endpoint.
struct AdminSubject {
  Server& server;
  core::RuntimeHandle runtime;
  core::Logger& logger;
  std::string version;
  std::string backend;
  conf::Admin at_start = {};              // until the server serves
  std::string config_path;                // "": there is no file
  std::function<void()> ask_to_end;       // as SIGTERM does: in every phase, and again
  std::function<uint64_t()> log_dropped;  // lines and records
  // What the file says now; may take long. Null: there is no file.
  std::function<absl::StatusOr<conf::Config>()> read_config;
  // Of the process, not of an endpoint: an upgrade that fails opens another one.
  core::Instant started_at = core::MonotonicClock().Now();
};

// Why the proxy is not ready, a sentence for each reason; "": it is.
std::string WhyNotReady(const ServerView& view);

// Endpoints of `upstream` that new sessions may be given to.
uint32_t UsableEndpoints(Upstream& upstream);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_SUBJECT_H_
