#include "proxy/server/server.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "proxy/server/drain.h"
#include "proxy/server/process_settings.h"
#include "proxy/upstream/to_core.h"
#include "proxy/upstream/upstream_sockets.h"

namespace sluice::proxy {
namespace {

using core::LogLevel;

// An address in use is tried again for a moment: after a kill the kernel may hold the last owner's
// ring, and with it the port, a little longer than the process.
constexpr int kBindAttempts = 25;
constexpr core::Duration kBindPause = 20ms;

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
      stats_(runtime.workers()),
      limits_(ProcessLimitsOf(config, runtime.workers(), reserve)),
      reporter_(
          stats_, runtime, logger, [this] { return limits_.connections.count(); },
          DropSources(logger, access_log)),
      accept_log_(logger),
      services_(runtime),
      sessions_(runtime),
      stop_signals_(signals, logger, access_log),
      accept_context_{
          .limits = limits_, .stats = stats_, .log = accept_log_, .sessions = sessions_},
      session_services_{.limits = limits_,
                        .stats = stats_,
                        .logger = logger,
                        .short_throttle = short_throttle_,
                        .access_log = access_log,
                        .end_sessions = end_sessions_.token(),
                        .workers = runtime.workers()},
      topology_(core::MakeRef<Topology>(config, session_services_, /*before=*/nullptr)) {}

core::Task<void> Server::Run() {
  const bool serves = co_await BindAll();
  if (serves) {
    addresses_.Serve(*topology_);
    if (config_.stats.interval > 0s) {
      services_.Spawn(reporter_.Run(config_.stats.interval, stop_services_.token()));
    }
    co_await WaitForStop();
    co_await StopAccepting();
    const DrainContext context{.addresses = addresses_,
                               .sessions = sessions_,
                               .end_sessions = end_sessions_,
                               .connections = limits_.connections,
                               .signals = stop_signals_,
                               .logger = logger_,
                               .timeout = config_.shutdown.drain_timeout};
    co_await Drain(context);
    reporter_.Report();
  } else {
    addresses_.Close();
    co_await services_.Join();
    co_await sessions_.Join();
  }
  signals_.Close();
}

// Listens everywhere, in one window of time for all addresses. Returns false when the server is to
// end: with a status that names every address in the way, or because a signal asks for it.
core::Task<bool> Server::BindAll() {
  status_ = CheckUpstreamSockets(core::CurrentReactor(), topology_->upstreams());
  if (!status_.ok()) co_return false;
  addresses_ = Addresses(config_, runtime_, accept_context_, /*before=*/Addresses());
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
  LocateEndpoints(topology_->config(), addresses_.Bound(), core::CurrentReactor(),
                  topology_->upstreams(), logger_);
  addresses_.Log(logger_);
  co_return true;
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

// Serves until a signal asks for an end.
core::Task<void> Server::WaitForStop() {
  for (;;) {
    core::IoResult<int> signal = co_await stop_signals_.Next(/*reloads=*/next_config_ != nullptr);
    if (!signal.ok()) co_return;
    if (*signal != SIGHUP) {
      logger_.Log(LogLevel::kInfo,
                  "signal SIG%s: no new connections; %d sessions may finish for %g s",
                  sigabbrev_np(*signal), limits_.connections.count(),
                  std::chrono::duration<double>(config_.shutdown.drain_timeout).count());
      co_return;
    }
    absl::StatusOr<conf::Config> next = next_config_();
    absl::Status status = next.status();
    if (next.ok()) status = co_await Exchange(*std::move(next));
    if (status.ok()) {
      logger_.Log(LogLevel::kInfo, "signal SIGHUP: another configuration is in force");
    } else {
      logger_.Log(LogLevel::kError, "signal SIGHUP: the configuration stays as it is: %s",
                  std::string(status.message()));
    }
  }
}

// Another topology takes the place of this one, as a whole or, with an error, not at all. Its
// limits of the whole process are those of the start. Sessions go on as they began; addresses that
// both have in common stay open, and those that are gone are served to the end of their queues.
core::Task<absl::Status> Server::Exchange(conf::Config config) {
  co_await retired_.Finish();
  if (const std::vector<std::string> kept = KeepProcessSettings(config_, config); !kept.empty()) {
    logger_.Log(LogLevel::kWarn, "settings that keep their value until a restart: %s",
                absl::StrJoin(kept, ", "));
  }
  const auto next = core::MakeRef<Topology>(std::move(config), session_services_, topology_.get());
  absl::Status status = CheckUpstreamSockets(core::CurrentReactor(), next->upstreams());
  if (!status.ok()) co_return status;
  Addresses addresses(next->config(), runtime_, accept_context_, addresses_);
  Addresses added = addresses.Without(addresses_);
  std::vector<BindFailure> failures = addresses.TryBind();
  // An address that the exchange before has closed may be busy for a moment more (io_uring).
  for (int attempt = 1; !failures.empty() && MayPass(failures) && attempt < kBindAttempts;
       ++attempt) {
    (void)co_await core::Sleep(kBindPause);
    failures = addresses.TryBind();
  }
  if (!failures.empty()) {
    added.Close();
    co_return ToStatus(failures);
  }
  if (!next->carries_upstreams()) {
    LocateEndpoints(next->config(), addresses.Bound(), core::CurrentReactor(), next->upstreams(),
                    logger_);
  }
  added.Log(logger_);
  Addresses removed = addresses_.Without(addresses);
  addresses.Serve(*next);
  removed.Stop();
  topology_->EndTerm();
  topology_ = next;
  addresses_ = std::move(addresses);
  retired_.Retire(std::move(removed));
  co_return absl::OkStatus();
}

core::Task<void> Server::StopAccepting() {
  addresses_.Stop();
  topology_->EndTerm();
  stop_services_.Cancel();
  co_await addresses_.Join();
  co_await retired_.Finish();
  co_await services_.Join();
}

}  // namespace sluice::proxy
