// StatsReporter: writes the stats line to the log, and with it how much of the logs was dropped;
// at level debug also a line for each worker. In JSON the stats line has members for each upstream.
#ifndef SLUICE_PROXY_OBSERVE_STATS_REPORTER_H_
#define SLUICE_PROXY_OBSERVE_STATS_REPORTER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/log/logger.h"
#include "core/runtime/handle.h"
#include "core/sync/cancellation.h"
#include "core/task/task.h"
#include "proxy/observe/stats_registry.h"

namespace sluice::proxy {

// Something that drops lines or records when it cannot keep up.
struct DropSource {
  std::string name;                   // "log", "access log"
  std::string unit;                   // "lines", "records"
  std::function<uint64_t()> dropped;  // since it began
  uint64_t reported = 0;
};

class StatsReporter {
 public:
  // All of it outlives the reporter. `active`: how many sessions are open. `pending`: how many
  // settings of the file wait for a restart.
  StatsReporter(const StatsRegistry& stats, core::RuntimeHandle runtime, core::Logger& logger,
                std::function<uint64_t()> active, std::function<uint64_t()> pending,
                std::vector<DropSource> drops);

  // One report in every `interval` until `stop` is cancelled.
  core::Task<void> Run(core::Duration interval, core::CancellationToken stop);

  // Not from two threads at once.
  void Report();

 private:
  void ReportDrops();
  void ReportWorker(uint32_t worker);

  const StatsRegistry& stats_;
  const core::RuntimeHandle runtime_;
  core::Logger& logger_;
  const std::function<uint64_t()> active_;
  const std::function<uint64_t()> pending_;
  std::vector<DropSource> drops_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_STATS_REPORTER_H_
