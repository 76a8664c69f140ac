#include "proxy/server/server.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/counter.h"
#include "core/runtime/spawn.h"
#include "core/sched/worker.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "proxy/observe/access_log/open_access_log.h"
#include "proxy/server/drain.h"
#include "proxy/server/transparent.h"
#include "proxy/upstream/to_core.h"
#include "proxy/upstream/upstream_sockets.h"

namespace sluice::proxy {
namespace {

using core::LogLevel;

// An address in use is tried again for a moment: after a kill the kernel may hold the last owner's
// ring, and with it the port, a little longer than the process.
constexpr int kBindAttempts = 25;
constexpr core::Duration kBindPause = 20ms;

// What a reload begins with: all of it that may wait for others without a bound.
struct Loaded {
  void Load(const NextConfig& load) {
    config = load();
    if (config.ok()) options = ListenersOptionsOf(*config);
  }

  absl::StatusOr<conf::Config> config = absl::UnknownError("not read");
  ListenersOptions options;
};

bool MayPass(const std::vector<BindFailure>& failures) {
  return std::ranges::all_of(
      failures, [](const BindFailure& failure) { return failure.error == EADDRINUSE; });
}

std::vector<DropSource> DropSources(const core::Logger& logger, const AccessLog* access_log) {
  std::vector<DropSource> sources;
  sources.push_back({"log", "lines", [&logger] { return logger.dropped(); }});
  if (access_log != nullptr) {
    sources.push_back({"access log", "records", [access_log] { return access_log->dropped(); }});
  }
  return sources;
}

}  // namespace

Server::Server(const conf::Config& config, core::RuntimeHandle runtime, core::SignalStream& signals,
               core::Logger& logger, AccessLog* access_log, HeapReserve& reserve)
    : config_(config),
      runtime_(runtime),
      signals_(signals),
      logger_(logger),
      access_log_(access_log),
      events_(logger),
      stats_(runtime.workers()),
      limits_(ProcessLimitsOf(config, runtime.workers(), reserve)),
      reporter_(
          stats_, runtime, logger, [this] { return limits_.connections.count(); },
          [this] { return kept_settings_; }, DropSources(logger, access_log)),
      accept_log_(events_),
      registry_(runtime.workers()),
      session_actions_(runtime, registry_, events_),
      sessions_(runtime),
      draining_(runtime),
      health_monitors_(
          runtime, events_,
          {.reset_sessions =
               [this](const Upstream& upstream, EndpointRef endpoint) {
                 session_actions_.ResetThoseOf(upstream.pool(), std::move(endpoint));
               },
           .reweigh = [this](const Upstream& upstream) { endpoint_actions_.Reweigh(upstream); },
           .elsewhere =
               [this](std::function<void()> work) { return elsewhere_(std::move(work)); }}),
      stop_signals_(signals, logger, access_log),
      accept_context_{.limits = limits_, .log = accept_log_, .sessions = sessions_},
      session_services_{.limits = limits_,
                        .stats = stats_,
                        .logger = logger,
                        .events = events_,
                        .short_throttle = short_throttle_,
                        .access_log = access_log,
                        .end_sessions = end_sessions_.token(),
                        .end_unrouted = end_unrouted_.token(),
                        .workers = runtime.workers(),
                        .registry = &registry_},
      interim_records_(runtime, registry_, elsewhere_),
      watchdog_(runtime, [this] { TellServiceManager("WATCHDOG=1"); }),
      topology_(core::MakeRef<Topology>(config, session_services_, /*before=*/nullptr)),
      endpoint_actions_(runtime, draining_, events_),
      sources_(runtime, endpoint_actions_, events_),
      waits_(runtime) {
  endpoint_actions_.Exchange([] {}, topology_, /*bound=*/{});
}

core::Task<void> Server::Run() {
  const bool serves = co_await BindAll();
  if (serves) {
    co_await BeginToServe();
    const bool hurries = co_await WaitForStop();
    const core::Instant stopped = core::Worker::Current()->clock().Now();
    co_await StopAccepting();
    const DrainContext context{.addresses = addresses_,
                               .sessions = sessions_,
                               .end_sessions = end_sessions_,
                               .end_connected =
                                   [this] {
                                     end_unrouted_.Cancel();
                                     topology_->EndSessions();
                                     draining_.EndSessions();
                                   },
                               .connections = limits_.connections,
                               .signals = stop_signals_,
                               .events = events_,
                               .registry = registry_,
                               .elsewhere = elsewhere_,
                               .window = topology_->config().shutdown.drain_window,
                               .timeout = topology_->config().shutdown.drain_timeout,
                               .hurries = hurries};
    co_await Drain(context);
    co_await WaitForPredecessor(stopped + context.timeout);
    reporter_.Report();
  } else {
    addresses_.Close();
    if (inheritance_ != nullptr) inheritance_->Close();
    co_await sessions_.Join();
  }
  co_await watchdog_.Stop();
  co_await waits_.Close();  // what waits for the end of sessions is answered
  co_await sources_.Stop();
  endpoint_actions_.Close();
  co_await health_monitors_.Stop();
  co_await interim_records_.Stop();
  co_await session_actions_.Close();
  co_await draining_.Stop();
  control_.Enter(ServerState::kStopped);
  signals_.Close();
}

void Server::ShowServing(std::vector<std::string> pending) {
  control_.Show({.state = ServerState::kServing,
                 .topology = topology_,
                 .bound = addresses_.Bound(),
                 .pending = std::move(pending)});
}

// Listens everywhere, in one window of time for all addresses. Returns false when the server is to
// end: with a status that names every address in the way, or because a signal asks for it.
core::Task<bool> Server::BindAll() {
  status_ = CheckUpstreamSockets(core::CurrentReactor(), topology_->upstreams());
  if (status_.ok()) status_ = CheckTransparentSources(config_);
  if (!status_.ok()) co_return false;
  addresses_ = Addresses(config_, ListenersOptionsOf(config_), runtime_, accept_context_,
                         /*before=*/Addresses());
  if (inheritance_ != nullptr) AdoptSockets();
  co_await AdoptGivenSockets();
  for (int attempt = 1;; ++attempt) {
    const std::vector<BindFailure> failures = addresses_.TryBind();
    if (failures.empty()) break;
    if (!MayPass(failures) || attempt == kBindAttempts) {
      status_ = ToStatus(failures);
      co_return false;
    }
    if (attempt == 1) logger_.Log(LogLevel::kWarn, "%s", DescribeBusy(failures));
    if (!co_await MayTryAgain()) co_return false;
  }
  endpoint_actions_.Exchange(
      [this] {
        LocateEndpoints(topology_->GivenConfig(), addresses_.Bound(), core::CurrentReactor(),
                        topology_->upstreams(), logger_);
      },
      topology_, addresses_.Bound());
  addresses_.Log(logger_);
  if (!co_await AskSources()) co_return false;
  co_return inheritance_ == nullptr || co_await TakeOver();
}

// Waits for a moment. Returns false if a signal has asked for an end.
core::Task<bool> Server::MayTryAgain() {
  auto outcome = co_await core::Select(core::Named<"pause">(core::Sleep(kBindPause)),
                                       core::Named<"signal">(stop_signals_.Next()));
  core::IoResult<int> signal = outcome.Get<"signal">();  // it may come just in time
  if (!signal.ok()) co_return outcome.Won<"pause">();
  logger_.Log(LogLevel::kInfo, "signal SIG%s: stopped before serving", sigabbrev_np(*signal));
  co_return false;
}

// Returns SIGHUP, or the signal that has asked for an end meanwhile.
core::Task<core::IoResult<int>> Server::Reload() {
  logger_.Log(LogLevel::kInfo, "%s: reading the configuration", why_change_);
  const std::vector<ServerControl::Done> asked = control_.Take(Change::kReload);
  co_await TellOfReload();
  absl::Status result = absl::UnavailableError("the proxy stops: nothing is reloaded");
  const absl::Cleanup tell = [&] {
    for (const ServerControl::Done& done : asked) done(result);
  };
  const auto next = std::make_shared<Loaded>();
  StopSignal stop;
  // It may wait for a file or a name service that does not answer, and never does.
  absl::Status status =
      co_await UntilStop(elsewhere_([next, load = next_config_] { next->Load(load); }), stop);
  if (status.ok()) status = next->config.status();
  if (status.ok()) {
    status = co_await Exchange(*std::move(next->config), std::move(next->options), stop);
  }
  if (stop) co_return *stop;
  ReportReload(status);
  co_await TellPatiently("READY=1");
  result = status;
  co_return SIGHUP;
}

// What goes on in another thread then keeps what it needs.
core::Task<absl::Status> Server::UntilStop(core::Task<absl::Status> work, StopSignal& stop) {
  auto outcome = co_await core::Select(core::Named<"work">(std::move(work)),
                                       core::Named<"signal">(stop_signals_.Next(kDeferChanges)));
  core::IoResult<int> signal = outcome.Get<"signal">();
  if (!signal.ok()) co_return outcome.Get<"work">();
  stop = *signal;
  co_return absl::CancelledError("a signal asks for the end");
}

void Server::ReportReload(const absl::Status& status) {
  WorkerStats& stats = stats_.process().of(core::Worker::Current()->index());
  if (status.ok()) {
    core::Count(stats.at("reloads_total", ReloadResult::kOk));
    cannot_watch_ = false;  // what was in the way may have gone
    events_.Tell({EventKind::kReload}, LogLevel::kInfo, "%s: another configuration is in force",
                 why_change_);
    return;
  }
  core::Count(stats.at("reloads_total", ReloadResult::kFailed));
  events_.TellLines({EventKind::kReload}, LogLevel::kError,
                    std::vector<std::string>(absl::StrSplit(status.message(), '\n')));
  events_.Tell({EventKind::kReload}, LogLevel::kError, "%s: the configuration stays as it is",
               why_change_);
}

// Another topology takes the place of this one, as a whole or, with an error, not at all. Sessions
// go on as they began; addresses that both have in common stay open, and those that are gone are
// served to the end of their queues. With a signal in `stop` nothing has changed either.
core::Task<absl::Status> Server::Exchange(conf::Config config, ListenersOptions options,
                                          StopSignal& stop) {
  co_await retired_.Finish();
  NextTopology next;
  const NextTopologySources sources = SourcesOfNext();
  absl::Status routes;
  absl::Status status = co_await elsewhere_([&] {
    next = MakeNextTopology(std::move(config), std::move(options), sources);
    routes = CheckTransparentSources(next.topology->config());
  });
  if (!status.ok()) co_return status;
  status = CheckUpstreamSockets(core::CurrentReactor(), next.topology->upstreams());
  if (status.ok()) status = routes;
  if (!status.ok()) co_return status;
  const absl::Cleanup follow = [this] { FollowSources(); };
  co_await AskSourcesOf(next.topology, stop);
  if (stop) co_return absl::CancelledError("a signal asks for the end");
  const std::vector<BindFailure> failures = co_await BindAdded(next.addresses);
  if (!failures.empty()) co_return ToStatus(failures);
  status = co_await ChangeAccessLog(next.topology->config().access_log, stop);
  if (!status.ok()) {
    next.addresses.Without(addresses_).Close();
    co_return status;
  }
  LogDiff(next, events_);
  const bool reports_as_before = next.topology->config().stats == topology_->config().stats;
  PutInForce(std::move(next));
  co_await StoreListeners(addresses_.HandOver());
  co_await interim_records_.Follow(topology_->config().access_log.interim);
  if (reports_as_before) co_return absl::OkStatus();
  co_await StopReporting();
  StartReporting();
  co_return absl::OkStatus();
}

// The last thing that can fail. The log outlives the server, which does not wait for its disk.
core::Task<absl::Status> Server::ChangeAccessLog(const conf::AccessLog& next, StopSignal& stop) {
  if (access_log_ == nullptr || !access_log_->can_change()) co_return absl::OkStatus();
  if (next == topology_->config().access_log) co_return absl::OkStatus();
  using Change = absl::StatusOr<AccessLog::Change>;
  const auto change = std::make_shared<Change>(absl::UnknownError("not opened"));
  const absl::Status opened =
      co_await UntilStop(elsewhere_([change, log = access_log_, settings = SettingsOf(next)] {
                           *change = log->Prepare(settings);
                         }),
                         stop);
  if (!opened.ok()) co_return opened;
  if (!change->ok()) co_return change->status();
  access_log_->Apply(*std::move(*change));
  co_return absl::OkStatus();
}

NextTopologySources Server::SourcesOfNext() const {
  return {.at_start = config_,
          .services = session_services_,
          .accept_context = accept_context_,
          .runtime = runtime_,
          .before = *topology_,
          .addresses = addresses_};
}

// Listens where it does not yet: everywhere, or nowhere else than before.
core::Task<std::vector<BindFailure>> Server::BindAdded(Addresses& addresses) {
  std::vector<BindFailure> failures = addresses.TryBind();
  // An address that the exchange before has closed may be busy for a moment more (io_uring).
  for (int attempt = 1; !failures.empty() && MayPass(failures) && attempt < kBindAttempts;
       ++attempt) {
    (void)co_await core::Sleep(kBindPause);
    failures = addresses.TryBind();
  }
  if (!failures.empty()) addresses.Without(addresses_).Close();
  co_return failures;
}

// Nothing can fail any more.
void Server::PutInForce(NextTopology next) {
  const conf::Config& config = next.topology->config();
  next.addresses.Without(addresses_).Log(logger_);
  Addresses removed = addresses_.Without(next.addresses);
  next.topology->PutLimitsInForce(limits_, runtime_.workers());
  endpoint_actions_.Exchange([&] { PutEndpointsInForce(next); }, next.topology,
                             next.addresses.Bound());
  next.addresses.Serve(*next.topology);
  removed.Stop();
  topology_->EndTerm();
  if (config.log != topology_->config().log) {
    logger_.Reconfigure(static_cast<LogLevel>(config.log.level),
                        static_cast<core::LogFormat>(config.log.format));
  }
  health_monitors_.Follow(next.topology->upstreams());
  topology_ = std::move(next.topology);
  addresses_ = std::move(next.addresses);
  retired_.Retire(std::move(removed));
  kept_settings_ = next.kept.size();
  ShowServing(std::move(next.kept));
}

// No act of an administrator comes between.
void Server::PutEndpointsInForce(const NextTopology& next) {
  next.topology->RefreshEndpoints(*topology_);
  LocateEndpoints(next.topology->GivenConfig(), next.addresses.Bound(), core::CurrentReactor(),
                  next.topology->upstreams(), logger_);
  draining_.Add(
      next.topology->PutEndpointsInForce(*topology_, core::Worker::Current()->clock().Now()));
}

// The stats line, as the configuration in force says.
void Server::StartReporting() {
  const core::Duration interval = topology_->config().stats.interval;
  if (interval == 0s) return;
  stop_reporting_ = std::make_unique<core::CancellationSource>();
  reporting_.emplace(
      core::SpawnOn(runtime_, nullptr, reporter_.Run(interval, stop_reporting_->token())));
}

core::Task<void> Server::StopReporting() {
  if (!reporting_) co_return;
  stop_reporting_->Cancel();
  (void)co_await *std::move(reporting_);
  reporting_.reset();
}

// A client that has not said yet who it is or where it goes is reset at once. After a hand-over it
// is not: it may say so within its time, as a client of the successor may.
core::Task<void> Server::StopAccepting() {
  if (!handed_over_) co_await StoreListeners({});
  addresses_.Stop();
  if (!handed_over_) end_unrouted_.Cancel();
  topology_->EndTerm();
  co_await addresses_.Join();
  co_await retired_.Finish();
  co_await StopReporting();
}

}  // namespace sluice::proxy
