// The access log of a configuration: opened at start, drained at the end.
#ifndef SLUICE_PROXY_OBSERVE_ACCESS_LOG_OPEN_ACCESS_LOG_H_
#define SLUICE_PROXY_OBSERVE_ACCESS_LOG_OPEN_ACCESS_LOG_H_

#include <memory>

#include "absl/status/statusor.h"
#include "conf/config.h"
#include "core/base/clock.h"
#include "core/log/logger.h"
#include "proxy/observe/access_log/access_log.h"

namespace sluice::proxy {

AccessLogSettings SettingsOf(const conf::AccessLog& log);

// Its settings may change. "off": nothing is opened yet.
absl::StatusOr<std::unique_ptr<AccessLog>> OpenAccessLog(const conf::Config& config,
                                                         const core::Clock& clock,
                                                         core::Logger& logger);

// Writes what still waits, for a second at most, and logs how many records have been dropped in
// all: the lines of statistics no longer tell.
void FinishAccessLog(AccessLog& access_log, core::Logger& logger);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_ACCESS_LOG_OPEN_ACCESS_LOG_H_
