#include "proxy/server/server.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "proxy/memory/buffer_budget.h"
#include "proxy/upstream/to_core.h"
#include "proxy/upstream/upstream_sockets.h"

namespace sluice::proxy {
namespace {

using core::LogLevel;

core::Nanos LookEvery(const conf::Timeouts& timeouts) {
  core::Nanos every = 0;
  for (const core::Nanos timeout : {ToNanos(timeouts.idle), ToNanos(timeouts.write_stall)}) {
    if (timeout != 0 && (every == 0 || QuarterOf(timeout) < every)) every = QuarterOf(timeout);
  }
  return every;
}

SessionTimeouts ToSession(const conf::Timeouts& timeouts) {
  return SessionTimeouts{
      .connect = ToNanos(timeouts.connect),
      .idle = ToNanos(timeouts.idle),
      .half_close = ToNanos(timeouts.half_close),
      .write_stall = ToNanos(timeouts.write_stall),
      .max_lifetime = ToNanos(timeouts.max_lifetime),
      .max_lifetime_jitter = ToNanos(timeouts.max_lifetime) / 100 * timeouts.max_lifetime_jitter,
      .linger = ToNanos(timeouts.linger),
      .look_every = LookEvery(timeouts)};
}

// One limit for both: what buffer_memory serves only makes the other one lower.
uint32_t MostSessions(const conf::Config& config, size_t workers) {
  return std::min(config.limits.max_connections,
                  SessionsThatFit(config, static_cast<uint32_t>(workers)));
}

// An address in use is tried again for a moment: after a kill the kernel may hold the last owner's
// ring, and with it the port, a little longer than the process.
constexpr int kBindAttempts = 25;
constexpr core::Nanos kBindPause = 20 * core::kMillisecond;
constexpr size_t kFailuresTold = 1000;

absl::Status ToStatus(const std::vector<BindFailure>& failures) {
  std::string lines;
  const size_t told = std::min(failures.size(), kFailuresTold);
  for (size_t i = 0; i < told; ++i) {
    absl::StrAppend(&lines, i == 0 ? "" : "\n", failures[i].message);
  }
  if (told < failures.size()) {
    absl::StrAppend(&lines, "\nand ", failures.size() - told, " more addresses");
  }
  return absl::UnavailableError(lines);
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
      placement_(runtime.workers()),
      limit_(MostSessions(config, runtime.workers())),
      rate_(config.limits.new_connections),
      services_(runtime),
      sessions_(runtime),
      listener_shared_{.placement = placement_,
                       .limit = limit_,
                       .limit_reached = limit_.max() < config.limits.max_connections
                                            ? Refusal::kBuffers
                                            : Refusal::kConnections,
                       .rate = rate_,
                       .reserve = reserve,
                       .stats = stats_,
                       .logger = logger,
                       .accept_throttle = accept_throttle_,
                       .memory_throttle = memory_throttle_,
                       .buffer_throttle = buffer_throttle_,
                       .stop = stop_accepting_.token(),
                       .sessions = sessions_} {
  const auto workers = static_cast<uint32_t>(runtime.workers());
  for (const conf::Upstream& upstream : config.upstreams) {
    upstreams_.push_back(std::make_unique<Upstream>(upstream, workers));
  }
  std::unordered_map<std::string_view, Upstream*> by_name;
  for (const auto& upstream : upstreams_) by_name.emplace(upstream->name(), upstream.get());
  for (const conf::Listener& listener : config.listeners) {
    const auto upstream = by_name.find(listener.upstream);
    SLUICE_CHECK(upstream != by_name.end());  // validated
    listeners_.push_back(std::make_unique<Listener>(
        listener,
        SessionContext{.listener = listener.name,
                       .timeouts = ToSession(listener.timeouts),
                       .close_after_fin = listener.half_close == conf::HalfClose::kClose,
                       .credit = static_cast<uint32_t>(config.buffers.per_direction_bytes),
                       .bandwidth = {},
                       .upstream = upstream->second,
                       .stats = &stats_,
                       .logger = &logger,
                       .short_throttle = &short_throttle_,
                       .access_log = access_log,
                       .end_all = end_sessions_.token()},
        listener_shared_));
  }
}

core::Task<void> Server::Run() {
  const bool serves = co_await BindAll();
  if (serves) {
    for (const auto& listener : listeners_) listener->Start(services_);
    if (config_.stats.interval.count() > 0) services_.Spawn(LogStats());
    co_await WaitForStop();
  }
  stop_accepting_.Cancel();
  co_await services_.Join();
  if (serves) {
    co_await Drain();
  } else {
    for (const auto& listener : listeners_) listener->Close();
    co_await sessions_.Join();
  }
  signals_.Close();
}

// Listens everywhere, in one window of time for all addresses. False: the server ends, with a
// status that names every address in the way, or because a signal asks for it.
core::Task<bool> Server::BindAll() {
  status_ = CheckUpstreamSockets(core::Worker::Current()->reactor(), upstreams_);
  if (!status_.ok()) co_return false;
  for (int attempt = 1;; ++attempt) {
    std::vector<BindFailure> failures;
    for (const auto& listener : listeners_) listener->TryBind(failures);
    if (failures.empty()) break;
    const bool may_pass = std::ranges::all_of(
        failures, [](const BindFailure& failure) { return failure.error == EADDRINUSE; });
    if (!may_pass || attempt == kBindAttempts) {
      status_ = ToStatus(failures);
      co_return false;
    }
    if (!co_await MayTryAgain()) co_return false;
  }
  std::vector<std::vector<core::Address>> bound;
  for (const auto& listener : listeners_) bound.push_back(listener->BoundAddresses());
  LocateEndpoints(config_, bound, core::Worker::Current()->reactor(), upstreams_, logger_);
  for (const auto& listener : listeners_) listener->LogAddresses();
  co_return true;
}

// Waits for a moment. False: a signal has asked for an end.
core::Task<bool> Server::MayTryAgain() {
  auto outcome = co_await core::Select(core::Named<"pause">(core::Sleep(kBindPause)),
                                       core::Named<"signal">(NextStopSignal()));
  core::IoResult<int> signal = outcome.Get<"signal">();  // it may come just in time
  if (!signal.ok()) co_return outcome.Won<"pause">();
  logger_.Log(LogLevel::kInfo, "signal SIG%s: stopped before serving", sigabbrev_np(*signal));
  co_return false;
}

// The next signal that asks for an end; others are answered here.
core::Task<core::IoResult<int>> Server::NextStopSignal() {
  for (;;) {
    core::IoResult<int> signal = co_await signals_.Next();
    if (!signal.ok() || *signal == SIGTERM || *signal == SIGINT || *signal == SIGQUIT) {
      co_return signal;
    }
    if (*signal == SIGUSR1 && access_log_ != nullptr) {
      access_log_->Reopen();
      logger_.Log(LogLevel::kInfo, "signal SIGUSR1: the access log is opened anew");
      continue;
    }
    logger_.Log(LogLevel::kWarn, "signal SIG%s: not supported by this version, ignored",
                sigabbrev_np(*signal));
  }
}

core::Task<void> Server::WaitForStop() {
  core::IoResult<int> signal = co_await NextStopSignal();
  if (!signal.ok()) co_return;
  logger_.Log(LogLevel::kInfo, "signal SIG%s: no new connections; %d sessions may finish for %g s",
              sigabbrev_np(*signal), limit_.count(),
              std::chrono::duration<double>(config_.shutdown.drain_timeout).count());
}

core::Task<void> Server::Drain() {
  core::CancellationSource drained;
  co_await core::Join(FinishSessions(drained), EndLateSessions(drained.token()));
  LogStatsLine();
}

// The time for draining, and the second signal, count from here: a long queue of connections is no
// reason to be late.
core::Task<void> Server::FinishSessions(core::CancellationSource& drained) {
  for (const auto& listener : listeners_) {
    co_await listener->AcceptRest(end_sessions_.token());
    listener->Close();
  }
  co_await sessions_.Join();
  drained.Cancel();
}

core::Task<void> Server::EndLateSessions(core::CancellationToken drained) {
  const core::Nanos limit = ToNanos(config_.shutdown.drain_timeout);
  auto outcome = co_await core::Select(core::Named<"timeout">(core::Sleep(limit)),
                                       core::Named<"signal">(NextStopSignal()),
                                       core::Named<"drained">(drained.Cancelled()));
  if (outcome.Won<"drained">()) co_return;
  logger_.Log(LogLevel::kInfo, "%s: ending %d sessions",
              outcome.Won<"timeout">() ? "drain timeout" : "second signal", limit_.count());
  end_sessions_.Cancel();
}

core::Task<void> Server::LogStats() {
  for (;;) {
    auto outcome = co_await core::Select(
        core::Named<"interval">(core::Sleep(ToNanos(config_.stats.interval))),
        core::Named<"stop">(stop_accepting_.token().Cancelled()));
    if (outcome.Won<"stop">()) co_return;
    LogStatsLine();
  }
}

void Server::LogStatsLine() {
  const StatsSum sum = stats_.Sum();
  std::string causes;  // what has happened, each by its name
  for (size_t i = 0; i < kEndCauseCount; ++i) {
    if (sum.ended[i] > 0)
      absl::StrAppend(&causes, " ", std::string(Name(static_cast<EndCause>(i))), "=", sum.ended[i]);
  }
  for (size_t i = 1; i < kRefusalCount; ++i) {
    if (sum.refused[i] == 0) continue;
    absl::StrAppend(&causes, " rejected_", std::string(Name(static_cast<Refusal>(i))), "=",
                    sum.refused[i]);
  }
  if (sum.short_buffers > 0) absl::StrAppend(&causes, " short_buffers=", sum.short_buffers);
  logger_.Log(LogLevel::kInfo, "stats active=%d total=%d rejected=%d up=%d down=%d%s",
              limit_.count(), sum.accepted - sum.rejected(), sum.rejected(), sum.bytes_up,
              sum.bytes_down, causes);
  LogDrops();
  if (!logger_.enabled(LogLevel::kDebug)) return;
  for (uint32_t i = 0; i < runtime_.workers(); ++i) LogWorkerLine(i);
}

void Server::LogDrops() {
  if (const uint64_t dropped = logger_.dropped(); dropped != log_drops_) {
    logger_.Log(LogLevel::kWarn, "log: %d lines dropped so far", dropped);
    log_drops_ = dropped;
  }
  if (access_log_ == nullptr) return;
  if (const uint64_t dropped = access_log_->dropped(); dropped != record_drops_) {
    logger_.Log(LogLevel::kWarn, "access log: %d records dropped so far", dropped);
    record_drops_ = dropped;
  }
}

void Server::LogWorkerLine(uint32_t worker) {
  const auto value = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
  const core::WorkerCounters& w = runtime_.worker_counters(worker);
  const core::ReactorCounters& r = runtime_.reactor_counters(worker);
  logger_.Log(LogLevel::kDebug,
              "worker %d tasks=%d lifo=%d steals=%d stolen=%d parks=%d wakes=%d overflow=%d "
              "turns=%d enters=%d entries=%d completions=%d ops=%d immediate=%d migrated=%d "
              "recvs=%d received=%d dry=%d in_flight=%d buffers=%d stocked=%d reserved=%d",
              worker, value(w.tasks), value(w.lifo), value(w.steals), value(w.stolen),
              value(w.parks), value(w.wakes), value(w.overflow), value(r.turns), value(r.enters),
              value(r.entries), value(r.completions), value(r.ops), value(r.immediate),
              value(r.migrated), value(r.recvs), value(r.received), value(r.dry),
              value(w.in_flight), value(w.buffers), value(r.stocked), value(r.reserved));
}

}  // namespace sluice::proxy
