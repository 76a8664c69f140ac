#include "proxy/observe/access_log/open_access_log.h"

#include <cstdint>

namespace sluice::proxy {

absl::StatusOr<std::unique_ptr<AccessLog>> OpenAccessLog(const conf::Config& config,
                                                         const core::Clock& clock,
                                                         core::Logger& logger) {
  using Format = AccessLogSettings::Format;
  const conf::AccessLog& log = config.access_log;
  if (log.path == "off") return nullptr;
  const bool is_json = log.format == conf::AccessFormat::kJson;
  return AccessLog::Open({.path = log.path, .format = is_json ? Format::kJson : Format::kText},
                         clock, logger);
}

void FinishAccessLog(AccessLog& access_log, core::Logger& logger) {
  const bool drained = access_log.Drain(1s);
  const uint64_t dropped = access_log.dropped();
  if (drained && dropped == 0) return;
  logger.Log(core::LogLevel::kWarn, "access log: %d records dropped in all%s", dropped,
             drained ? "" : ", and those that still wait to be written");
}

}  // namespace sluice::proxy
