// Server: the proxy as a whole, from binding to the last session's end.
//
//   BINDING ── error, or a signal that asks for an end ──► ENDED (status)
//      │ a successor: until its predecessor accepts nothing any more
//      ▼
//   SERVING ── SIGTERM, SIGINT, SIGQUIT ──► LAME DUCK: it says that it is not ready, and serves on
//    ▲ │ ▲ │ SIGHUP, reload.watch, or asked     │ lame_duck is over, or a second signal
//    │ │ │ │ to (server_control.h)              ▼
//    │ │ │ │                                DRAINING (drain.h) ──► ENDED
//    │ │ │ ▼                                    ▲   ▲
//    │ │ LOADING (elsewhere) ───────────────────┼───┘ a signal that asks for an end
//    │ │ ▲ │ it is valid                        │
//    │ │ │ ▼                                    │
//    │ │ EXCHANGING: another topology takes the place of this one, or nothing changes, also when
//    │ │    a signal asks for an end
//    │ │ SIGUSR2                                │
//    │ ▼                                        │ the successor serves, or a signal asks for an end
//   UPGRADING (upgrade.h) ──────────────────────┘
//
// What lives how long: the members up to `sessions_` are the process's and stay until the last
// session has ended, for which Run waits. Listeners and upstreams are a topology's, to which this
// server, its accept loops and every session hold references.
#ifndef SLUICE_PROXY_SERVER_SERVER_H_
#define SLUICE_PROXY_SERVER_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/config.h"
#include "core/base/intrusive_ptr.h"
#include "core/base/result.h"
#include "core/io/signals.h"
#include "core/log/logger.h"
#include "core/runtime/handle.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/task_group.h"
#include "core/sched/worker.h"
#include "core/sync/cancellation.h"
#include "core/task/task.h"
#include "proxy/admission/admission.h"
#include "proxy/listener/accept_log.h"
#include "proxy/memory/heap_reserve.h"
#include "proxy/observe/access_log/access_log.h"
#include "proxy/observe/events.h"
#include "proxy/observe/stats_registry.h"
#include "proxy/observe/stats_reporter.h"
#include "proxy/server/addresses.h"
#include "proxy/server/config_watch.h"
#include "proxy/server/draining_endpoints.h"
#include "proxy/server/endpoint_actions.h"
#include "proxy/server/endpoint_sources.h"
#include "proxy/server/inheritance.h"
#include "proxy/server/interim_records.h"
#include "proxy/server/listener_store.h"
#include "proxy/server/next_topology.h"
#include "proxy/server/predecessor.h"
#include "proxy/server/retired_addresses.h"
#include "proxy/server/run_elsewhere.h"
#include "proxy/server/server_control.h"
#include "proxy/server/service_manager.h"
#include "proxy/server/session_actions.h"
#include "proxy/server/stop_signals.h"
#include "proxy/server/topology.h"
#include "proxy/server/upgrade.h"
#include "proxy/server/waits.h"
#include "proxy/server/watchdog.h"
#include "proxy/session/session_registry.h"
#include "proxy/upstream/health_monitors.h"

namespace sluice::proxy {

// What the server is to serve from now on, or why that is not known: one line for each reason.
using NextConfig = std::function<absl::StatusOr<conf::Config>()>;

class Server {
 public:
  // Everything passed in outlives the server. `config` has been validated.
  // `access_log` may be null.
  Server(const conf::Config& config, core::RuntimeHandle runtime, core::SignalStream& signals,
         core::Logger& logger, AccessLog* access_log, HeapReserve& reserve);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Before Run: SIGHUP exchanges the topology for that of `next_config()`, whose configuration has
  // been validated. Without it SIGHUP is ignored. What takes long is done by `elsewhere`, and
  // `next_config` too: it may run on when the server has ended.
  void set_next_config(NextConfig next_config, RunElsewhere elsewhere) {
    next_config_ = std::move(next_config);
    elsewhere_ = std::move(elsewhere);
  }

  // Before Run, after set_next_config, which keeps `watch` up to date: with `reload.watch` a change
  // of the files is like SIGHUP.
  void set_watch(const ConfigWatch* watch) { watch_ = watch; }

  // Before Run: what asks where endpoints are, if it is not what programs have.
  void set_make_source(SourceMaker make) { sources_.set_make(std::move(make)); }

  // Before Run: SIGUSR2 hands the listening sockets to the successor that `upgrade` starts. Without
  // it SIGUSR2 is ignored.
  void set_upgrade(std::unique_ptr<Upgrade> upgrade) { upgrade_ = std::move(upgrade); }

  // Before Run: the one that has started the process, and hears what becomes of it.
  void set_service_manager(ServiceManager manager) { manager_ = std::move(manager); }

  // Before Run: it listens with those of these that have an address of its configuration. The
  // service manager stores sockets under the names `stored`.
  void set_sockets(std::vector<InheritedSocket> sockets, std::vector<std::string> stored);

  // Before Run: it takes over these sockets, and begins to serve when their process says so.
  void set_inheritance(std::unique_ptr<Inheritance> inheritance) {
    predecessor_ = Predecessor::At(inheritance->channel());
    inheritance_ = std::move(inheritance);
  }

  // Before Run: the admin endpoint, which is open unless the server takes over. `want` says at once
  // whether it is to be open; `follow`, in a thread that may wait, brings about what is wanted by
  // then. An error of it: what administrators have changed could not be kept, so it is open.
  void set_admin(std::function<void(bool)> want, std::function<absl::Status()> follow) {
    want_admin_ = std::move(want);
    follow_admin_ = std::move(follow);
  }

  // Before Run: what puts in force and keeps what administrators have changed, where it takes over:
  // called when the process before has handed over and before it serves, by a thread that may wait.
  void set_adopt_state(std::function<void()> adopt) { adopt_state_ = std::move(adopt); }

  // The runtime's first task.
  core::Task<void> Run();

  // What an administrator does to endpoints; any thread, as long as the server is there.
  EndpointActions& endpoint_actions() { return endpoint_actions_; }

  // What an administrator sees of sessions and does to them; the same.
  SessionActions& session_actions() { return session_actions_; }

  // Whether a signal has asked for the end: then it is not ready for new clients. Any thread.
  bool is_ending() const { return control_.state() >= ServerState::kDraining; }

  // After Run: why it could not start, one line for each reason, or OK.
  const absl::Status& status() const { return status_; }

  // For other threads, as long as the server is there.
  ServerControl& control() { return control_; }
  Events& events() { return events_; }
  Waits& waits() { return waits_; }
  const StatsRegistry& stats() const { return stats_; }
  const ConnectionLimit& connections() const { return limits_.connections; }

 private:
  // The signal that has asked for an end while something else was waited for.
  using StopSignal = std::optional<int>;

  core::Task<bool> BindAll();
  core::Task<bool> MayTryAgain();
  core::Task<bool> AskSources();
  core::Task<void> AskSourcesOf(core::IntrusivePtr<const Topology> next, StopSignal& stop);
  void FollowSources();
  void AdoptSockets();
  core::Task<bool> TakeOver();
  core::Task<void> BeginToServe();
  core::Task<void> AdoptState();
  // Returns true if a second signal has asked for the end at once.
  core::Task<bool> WaitForStop();
  core::Task<bool> LameDuck();
  core::Task<core::IoResult<int>> NextChange();
  core::Task<core::IoResult<int>> NextSignal(ChangeSignals changes);
  core::Task<core::IoResult<int>> Reload();
  core::Task<absl::Status> Exchange(conf::Config config, ListenersOptions options,
                                    StopSignal& stop);
  core::Task<absl::Status> UntilStop(core::Task<absl::Status> work, StopSignal& stop);
  core::Task<core::IoResult<int>> UpgradeBinary();
  core::Task<absl::Status> HandOver();
  core::Task<void> OpenAdmin();
  core::Task<absl::Status> CloseAdmin();
  core::Task<absl::Status> FollowAdmin();
  void AcceptAgain();
  void TellServiceManager(std::string_view state);
  core::Task<void> TellPatiently(std::string state);
  core::Task<void> TellOfDrain();
  core::Task<void> TellOfReload();
  core::Task<void> AdoptGivenSockets();
  core::Task<void> StoreListeners(Handover listening);
  NextTopologySources SourcesOfNext() const;
  core::Task<absl::Status> ChangeAccessLog(const conf::AccessLog& next, StopSignal& stop);
  core::Task<std::vector<BindFailure>> BindAdded(Addresses& addresses);
  void PutInForce(NextTopology next);
  void PutEndpointsInForce(const NextTopology& next);
  void ReportReload(const absl::Status& status);
  void ShowServing(std::vector<std::string> pending);
  void StartReporting();
  core::Task<void> StopReporting();
  core::Task<void> StopAccepting();
  core::Task<void> WaitForPredecessor(core::Instant until);

  const conf::Config& config_;
  const core::RuntimeHandle runtime_;
  core::SignalStream& signals_;
  core::Logger& logger_;
  AccessLog* const access_log_;
  Events events_;
  StatsRegistry stats_;
  ProcessLimits limits_;
  StatsReporter reporter_;
  AcceptLog accept_log_;
  core::LogThrottle short_throttle_{5s};  // received into small pieces
  core::CancellationSource end_sessions_;
  core::CancellationSource end_unrouted_;  // of sessions that are not identified or not routed yet
  SessionRegistry registry_;
  SessionActions session_actions_;
  core::TaskGroup sessions_;
  DrainingEndpoints draining_;
  HealthMonitors health_monitors_;
  StopSignals stop_signals_;
  const AcceptContext accept_context_;
  const SessionServices session_services_;
  NextConfig next_config_;
  RunElsewhere elsewhere_ = RunHere;
  InterimRecords interim_records_;
  ServerControl control_;
  const ConfigWatch* watch_ = nullptr;
  bool cannot_watch_ = false;         // it has been told
  std::string why_change_;            // the last one: "signal SIGHUP", "admin", "reload.watch"
  std::unique_ptr<Upgrade> upgrade_;  // or null
  std::unique_ptr<Inheritance> inheritance_;  // until it serves, or null
  Predecessor predecessor_;
  bool handed_over_ = false;              // a successor serves
  std::function<void(bool)> want_admin_;  // or empty, as is the next one
  std::function<absl::Status()> follow_admin_;
  std::function<void()> adopt_state_;  // or empty
  ServiceManager manager_;
  std::vector<InheritedSocket> given_;  // until it listens
  ListenerStore store_;
  Watchdog watchdog_;
  size_t kept_settings_ = 0;  // that the file has changed since the start, without effect
  core::IntrusivePtr<const Topology> topology_;
  EndpointActions endpoint_actions_;
  EndpointSources sources_;
  Waits waits_;
  Addresses addresses_;
  RetiredAddresses retired_;
  std::unique_ptr<core::CancellationSource> stop_reporting_;
  std::optional<core::JoinHandle<void>> reporting_;  // the stats line
  absl::Status status_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_SERVER_H_
