#include "proxy/observe/access_log/access_log.h"

#include <utility>

#include "absl/memory/memory.h"
#include "proxy/observe/access_log/record_json.h"
#include "proxy/observe/access_log/record_text.h"

namespace sluice::proxy {

absl::StatusOr<std::unique_ptr<AccessLog>> AccessLog::Open(const AccessLogSettings& settings,
                                                           const core::Clock& clock,
                                                           core::Logger& logger) {
  auto lines = core::LineLog::Open("access log", settings.path, clock, logger);
  if (!lines.ok()) return lines.status();
  return absl::WrapUnique(new AccessLog(settings.format, *std::move(lines)));
}

AccessLog::AccessLog(AccessLogSettings::Format format, std::unique_ptr<core::LineLog> lines)
    : format_(format), lines_(std::move(lines)) {}

void AccessLog::Write(const SessionRecord& record) {
  constexpr size_t kUsualLine = 512;
  std::string line;
  line.reserve(kUsualLine);
  switch (format_) {
    case AccessLogSettings::Format::kText:
      AppendText(record, line);
      break;
    case AccessLogSettings::Format::kJson:
      AppendJson(record, line);
      break;
  }
  lines_->Write(line);
}

}  // namespace sluice::proxy
