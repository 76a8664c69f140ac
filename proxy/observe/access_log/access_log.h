// AccessLog: one line about every session that has ended, on a file, a FIFO or standard error.
//
// A caller never waits for the disk or a reader; lines are whole, and dropped ones are counted:
// core/log/line_log.h says how. Any thread may call anything.
#ifndef SLUICE_PROXY_OBSERVE_ACCESS_LOG_ACCESS_LOG_H_
#define SLUICE_PROXY_OBSERVE_ACCESS_LOG_ACCESS_LOG_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/log/line_log.h"
#include "core/log/logger.h"
#include "proxy/observe/access_log/session_record.h"

namespace sluice::proxy {

struct AccessLogSettings {
  enum class Format { kText, kJson };
  std::string path;  // "stdout", "stderr", or the file to append to, created with mode 0640
  Format format = Format::kText;
};

class AccessLog {
 public:
  // An error if the file cannot be opened; a FIFO without a reader and a full disk are none.
  // Warnings of dropped lines go to `logger`. `clock` and `logger` outlive the access log.
  static absl::StatusOr<std::unique_ptr<AccessLog>> Open(const AccessLogSettings& settings,
                                                         const core::Clock& clock,
                                                         core::Logger& logger);

  void Write(const SessionRecord& record);

  // After the file has been renamed: lines written before go to the old one, later ones to the new.
  void Reopen() { lines_->Reopen(); }

  // Waits until all lines so far have been written or dropped, at most `timeout`. False: not yet.
  bool Drain(core::Duration timeout) { return lines_->Drain(timeout); }

  uint64_t written() const { return lines_->written(); }
  uint64_t dropped() const { return lines_->dropped(); }

 private:
  AccessLog(AccessLogSettings::Format format, std::unique_ptr<core::LineLog> lines);

  const AccessLogSettings::Format format_;
  const std::unique_ptr<core::LineLog> lines_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_ACCESS_LOG_ACCESS_LOG_H_
