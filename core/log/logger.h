// Logger: lines to standard error, written by a thread of their own so that a slow or blocked
// reader never holds up the data path: when its queue is full the oldest lines are dropped and
// counted, and so are lines that standard error does not take (no reader, a full disk). A message
// is one line: control characters in it are escaped (core/text/control_escape.h,
// core/text/json_escape.h).
//
// Where standard error is the journal of systemd, a line begins with its priority, such as <4>,
// which the journal takes off: `journalctl -p warning` finds it.
//
// Any thread may call anything.
#ifndef SLUICE_CORE_LOG_LOGGER_H_
#define SLUICE_CORE_LOG_LOGGER_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/strings/str_format.h"
#include "core/base/atomic.h"
#include "core/base/time.h"

namespace sluice::core {

enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError, kOff };
enum class LogFormat { kText, kJson };
enum class LogPriorities { kNone, kJournal };

// kJournal if `descriptor` is the stream that the service manager has named: $JOURNAL_STREAM, which
// is "DEVICE:INODE", or null.
LogPriorities PrioritiesFor(int descriptor, const char* journal_stream);

class Logger {
 public:
  static std::unique_ptr<Logger> ToStderr(LogLevel level, LogFormat format,
                                          LogPriorities priorities = LogPriorities::kNone);
  virtual ~Logger() = default;

  bool enabled(LogLevel level) const { return level >= level_.load(std::memory_order_relaxed); }

  // From now on. One thread at a time.
  virtual void Reconfigure(LogLevel level, LogFormat format) {
    (void)format;
    level_.store(level, std::memory_order_relaxed);
  }

  // From now on. Any thread; the last one counts.
  virtual void SetLevel(LogLevel level) { level_.store(level, std::memory_order_relaxed); }
  LogLevel level() const { return level_.load(std::memory_order_relaxed); }

  template <typename... Args>
  void Log(LogLevel level, const absl::FormatSpec<Args...>& format, const Args&... args) {
    if (enabled(level)) Write(level, absl::StrFormat(format, args...));
  }

  virtual void Write(LogLevel level, std::string_view line) = 0;

  // Whether lines are JSON: then WriteWithFields adds `fields` to the object, which are the text of
  // further members (`"key":value,…`). Other lines do not show them.
  virtual bool takes_fields() const { return false; }
  virtual void WriteWithFields(LogLevel level, std::string_view line, std::string_view fields) {
    (void)fields;
    Write(level, line);
  }

  // Lines dropped so far.
  virtual uint64_t dropped() const = 0;

  // Waits until everything has been written, at most `timeout`. False: it has not; then the process
  // has to end without destructors, for the writing thread is stuck.
  virtual bool Drain(Duration timeout) = 0;

 protected:
  explicit Logger(LogLevel level) : level_(level) {}

 private:
  Atomic<LogLevel> level_;
};

// Lets a message through at most once per interval and says how many were held back. Any thread;
// nothing is handed over by it, so no order is asked of its words. Checked by: tests/model.
class LogThrottle {
 public:
  explicit LogThrottle(Duration interval) : interval_(interval) {}
  // True: log now; `suppressed` is how many were not logged since the last one.
  bool Pass(Instant now, uint64_t& suppressed) {
    Instant next = next_.load(std::memory_order_relaxed);
    if (now < next ||
        !next_.compare_exchange_strong(next, now + interval_, std::memory_order_relaxed)) {
      suppressed_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    suppressed = suppressed_.exchange(0, std::memory_order_relaxed);
    return true;
  }

 private:
  const Duration interval_;
  Atomic<Instant> next_;
  Atomic<uint64_t> suppressed_{0};
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_LOG_LOGGER_H_
