#include "proxy/observe/stats_reporter.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "proxy/observe/upstream_figures.h"

namespace sluice::proxy {
namespace {

using core::LogLevel;

}  // namespace

StatsReporter::StatsReporter(const StatsRegistry& stats, core::RuntimeHandle runtime,
                             core::Logger& logger, std::function<uint64_t()> active,
                             std::function<uint64_t()> pending, std::vector<DropSource> drops)
    : stats_(stats),
      runtime_(runtime),
      logger_(logger),
      active_(std::move(active)),
      pending_(std::move(pending)),
      drops_(std::move(drops)) {}

core::Task<void> StatsReporter::Run(core::Duration interval, core::CancellationToken stop) {
  for (;;) {
    auto outcome = co_await core::Select(core::Named<"interval">(core::Sleep(interval)),
                                         core::Named<"stop">(stop.Cancelled()));
    if (outcome.Won<"stop">()) co_return;
    Report();
  }
}

void StatsReporter::Report() {
  StatsValues values = stats_.Sum();
  values.at("sessions_active") = active_();
  values.at("config_pending") = pending_();
  const std::string line = absl::StrCat("stats ", StatsLine(kMetrics, values.all()));
  if (logger_.takes_fields() && logger_.enabled(LogLevel::kInfo)) {
    logger_.WriteWithFields(LogLevel::kInfo, line, UpstreamFigures(stats_.Read()));
  } else {
    logger_.Log(LogLevel::kInfo, "%s", line);
  }
  ReportDrops();
  if (!logger_.enabled(LogLevel::kDebug)) return;
  for (uint32_t i = 0; i < runtime_.workers(); ++i) ReportWorker(i);
}

void StatsReporter::ReportDrops() {
  for (DropSource& source : drops_) {
    const uint64_t dropped = source.dropped();
    if (dropped == source.reported) continue;
    logger_.Log(LogLevel::kWarn, "%s: %d %s dropped so far", source.name, dropped, source.unit);
    source.reported = dropped;
  }
}

void StatsReporter::ReportWorker(uint32_t worker) {
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
              value(r.migrated), value(r.recvs), value(r.received), value(r.starved),
              value(w.in_flight), value(w.buffers), value(r.stocked), value(r.reserved));
}

}  // namespace sluice::proxy
