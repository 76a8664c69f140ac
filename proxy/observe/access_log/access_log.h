// AccessLog: one line about every session that has ended, on a file, a FIFO or standard error; if
// asked for also about those that live long, and about connections that were rejected.
//
// A caller never waits for the disk or a reader; lines are whole, and dropped ones are counted:
// core/log/line_log.h says how. Any thread may call anything.
#ifndef SLUICE_PROXY_OBSERVE_ACCESS_LOG_ACCESS_LOG_H_
#define SLUICE_PROXY_OBSERVE_ACCESS_LOG_ACCESS_LOG_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/atomic.h"
#include "core/base/clock.h"
#include "core/log/line_log.h"
#include "core/log/logger.h"
#include "proxy/observe/access_log/session_record.h"

namespace sluice::proxy {

struct AccessLogSettings {
  enum class Format { kText, kJson };
  // "stdout", "stderr", or the file to append to, created with mode 0640; OpenOrNot: also "off".
  std::string path;
  Format format = Format::kText;
};

class AccessLog {
 public:
  // An error if the file cannot be opened; a FIFO without a reader and a full disk are none.
  // Warnings of dropped lines go to `logger`. `clock` and `logger` outlive the access log.
  static absl::StatusOr<std::unique_ptr<AccessLog>> Open(const AccessLogSettings& settings,
                                                         const core::Clock& clock,
                                                         core::Logger& logger);

  // One whose settings may change while it is in use; with "off" there is no file and no thread
  // yet, and nothing is written to it.
  static absl::StatusOr<std::unique_ptr<AccessLog>> OpenOrNot(const AccessLogSettings& settings,
                                                              const core::Clock& clock,
                                                              core::Logger& logger);
  bool can_change() const { return can_change_; }

  // A change, in two steps: Prepare opens what is to be opened, with the errors of Open, and
  // changes nothing; it may wait for a disk. Apply cannot fail. Records written before go to the
  // old file; after a change to "off" those that still come do, too.
  struct Change {
    AccessLogSettings settings;
    std::unique_ptr<core::LineLog> log = nullptr;  // the first
    core::LineLog::Target target = {};             // another file for the one there is
  };
  absl::StatusOr<Change> Prepare(const AccessLogSettings& settings) const;
  void Apply(Change change);

  // Not while it has been "off" since it was made.
  void Write(const SessionRecord& record);

  // After the file has been renamed: lines written before go to the old one, later ones to the new.
  void Reopen() {
    if (core::LineLog* const lines = Lines()) lines->Reopen();
  }

  // Waits until all lines so far have been written or dropped, at most `timeout`. False: not yet.
  bool Drain(core::Duration timeout) { return Lines() == nullptr || Lines()->Drain(timeout); }

  bool is_open() const { return Lines() != nullptr; }
  uint64_t written() const { return Lines() == nullptr ? 0 : Lines()->written(); }
  uint64_t dropped() const { return Lines() == nullptr ? 0 : Lines()->dropped(); }

 private:
  AccessLog(const core::Clock& clock, core::Logger& logger, bool can_change)
      : clock_(clock), logger_(logger), can_change_(can_change) {}

  core::LineLog* Lines() const { return lines_.load(std::memory_order_acquire); }

  const core::Clock& clock_;
  core::Logger& logger_;
  const bool can_change_;
  core::Atomic<AccessLogSettings::Format> format_{AccessLogSettings::Format::kText};
  std::string path_ = "off";                     // of Prepare and Apply
  std::unique_ptr<core::LineLog> owned_;         // once there is one it stays
  core::Atomic<core::LineLog*> lines_{nullptr};  // the same: set by Apply, read by any thread
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_ACCESS_LOG_ACCESS_LOG_H_
