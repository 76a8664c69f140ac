#include "proxy/observe/access_log/access_log.h"

#include <string_view>
#include <utility>

#include "absl/memory/memory.h"
#include "proxy/observe/access_log/record_json.h"
#include "proxy/observe/access_log/record_text.h"

namespace sluice::proxy {
namespace {

constexpr std::string_view kOff = "off";

}  // namespace

absl::StatusOr<std::unique_ptr<AccessLog>> AccessLog::Open(const AccessLogSettings& settings,
                                                           const core::Clock& clock,
                                                           core::Logger& logger) {
  auto log = absl::WrapUnique(new AccessLog(clock, logger, /*can_change=*/false));
  absl::StatusOr<Change> change = log->Prepare(settings);
  if (!change.ok()) return change.status();
  log->Apply(*std::move(change));
  return log;
}

absl::StatusOr<std::unique_ptr<AccessLog>> AccessLog::OpenOrNot(const AccessLogSettings& settings,
                                                                const core::Clock& clock,
                                                                core::Logger& logger) {
  auto log = absl::WrapUnique(new AccessLog(clock, logger, /*can_change=*/true));
  absl::StatusOr<Change> change = log->Prepare(settings);
  if (!change.ok()) return change.status();
  log->Apply(*std::move(change));
  return log;
}

absl::StatusOr<AccessLog::Change> AccessLog::Prepare(const AccessLogSettings& settings) const {
  Change change{.settings = settings};
  if (settings.path == path_ || settings.path == kOff) return change;
  if (owned_ == nullptr) {
    auto log = core::LineLog::Open("access log", settings.path, clock_, logger_);
    if (!log.ok()) return log.status();
    change.log = *std::move(log);
  } else {
    absl::StatusOr<core::LineLog::Target> target = owned_->Prepare(settings.path);
    if (!target.ok()) return target.status();
    change.target = *std::move(target);
  }
  return change;
}

void AccessLog::Apply(Change change) {
  format_.store(change.settings.format, std::memory_order_relaxed);
  path_ = change.settings.path;
  if (change.target.sink != nullptr) owned_->Retarget(std::move(change.target));
  if (change.log == nullptr) return;
  owned_ = std::move(change.log);
  lines_.store(owned_.get(), std::memory_order_release);
}

void AccessLog::Write(const SessionRecord& record) {
  constexpr size_t kUsualLine = 768;
  std::string line;
  line.reserve(kUsualLine);
  switch (format_.load(std::memory_order_relaxed)) {
    case AccessLogSettings::Format::kText:
      AppendText(record, line);
      break;
    case AccessLogSettings::Format::kJson:
      AppendJson(record, line);
      break;
  }
  Lines()->Write(line);
}

}  // namespace sluice::proxy
