// Server: the proxy as a whole, from binding to the last session's end.
//
//   BINDING ── error, or a signal that asks for an end ──► ENDED (status)
//      │
//   SERVING ── SIGTERM, SIGINT, SIGQUIT ──► DRAINING ── last session ended ──────────► ENDED
//                                              │ drain_timeout or a second signal
//                                              └──► CANCELLING (sessions are reset) ──► ENDED
#ifndef SLUICE_PROXY_SERVER_SERVER_H_
#define SLUICE_PROXY_SERVER_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "conf/config.h"
#include "core/io/signals.h"
#include "core/log/logger.h"
#include "core/runtime/task_group.h"
#include "core/sched/worker.h"
#include "core/sync/cancellation.h"
#include "core/task/task.h"
#include "core/time/token_bucket.h"
#include "proxy/admission/connection_limit.h"
#include "proxy/listener/listener.h"
#include "proxy/memory/heap_reserve.h"
#include "proxy/observe/access_log/access_log.h"
#include "proxy/observe/stats.h"
#include "proxy/upstream/upstream.h"

namespace sluice::proxy {

class Server {
 public:
  // Everything passed in outlives the server. `config` has been validated.
  // `access_log` may be null.
  Server(const conf::Config& config, core::RuntimeHandle runtime, core::SignalStream& signals,
         core::Logger& logger, AccessLog* access_log, HeapReserve& reserve);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The runtime's first task.
  core::Task<void> Run();

  // After Run: why it could not start, one line for each reason, or OK.
  const absl::Status& status() const { return status_; }

 private:
  core::Task<bool> BindAll();
  core::Task<bool> MayTryAgain();
  core::Task<void> WaitForStop();
  core::Task<void> Drain();
  core::Task<void> FinishSessions(core::CancellationSource& drained);
  core::Task<void> EndLateSessions(core::CancellationToken drained);
  core::Task<core::IoResult<int>> NextStopSignal();
  core::Task<void> LogStats();
  void LogStatsLine();
  void LogDrops();
  void LogWorkerLine(uint32_t worker);

  const conf::Config& config_;
  const core::RuntimeHandle runtime_;
  core::SignalStream& signals_;
  core::Logger& logger_;
  AccessLog* const access_log_;
  Stats stats_;
  Placement placement_;
  ConnectionLimit limit_;
  core::TokenBucket rate_;
  core::LogThrottle accept_throttle_{5 * core::kSecond};
  core::LogThrottle memory_throttle_{5 * core::kSecond};
  core::LogThrottle buffer_throttle_{5 * core::kSecond};  // rejected for want of buffer memory
  core::LogThrottle short_throttle_{5 * core::kSecond};   // received into small pieces
  core::CancellationSource stop_accepting_;
  core::CancellationSource end_sessions_;
  core::TaskGroup services_;  // accept loops, the stats line
  core::TaskGroup sessions_;
  ListenerShared listener_shared_;
  std::vector<std::unique_ptr<Upstream>> upstreams_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  absl::Status status_;
  uint64_t log_drops_ = 0;     // told so far
  uint64_t record_drops_ = 0;  // told so far
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_SERVER_H_
