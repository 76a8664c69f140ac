#include "proxy/observe/access_log/open_access_log.h"

#include <cstdint>

namespace sluice::proxy {

AccessLogSettings SettingsOf(const conf::AccessLog& log) {
  using Format = AccessLogSettings::Format;
  const bool is_json = log.format == conf::AccessFormat::kJson;
  return {.path = log.path, .format = is_json ? Format::kJson : Format::kText};
}

absl::StatusOr<std::unique_ptr<AccessLog>> OpenAccessLog(const conf::Config& config,
                                                         const core::Clock& clock,
                                                         core::Logger& logger) {
  return AccessLog::OpenOrNot(SettingsOf(config.access_log), clock, logger);
}

void FinishAccessLog(AccessLog& access_log, core::Logger& logger) {
  const bool drained = access_log.Drain(1s);
  const uint64_t dropped = access_log.dropped();
  if (drained && dropped == 0) return;
  logger.Log(core::LogLevel::kWarn, "access log: %d records dropped in all%s", dropped,
             drained ? "" : ", and those that still wait to be written");
}

}  // namespace sluice::proxy
