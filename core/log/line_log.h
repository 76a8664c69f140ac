// LineLog: lines to a file, a FIFO or standard error, written by a thread of its own, so that no
// caller of Write ever waits for a disk or a reader.
//
//   Write ─┐              mutex              ┌─ the thread: takes all that is queued in one go,
//   Write ─┼─► queue of bytes, kQueueBytes ──┤  writes it, naps for kNap and takes again, or
//   Write ─┘              (full: dropped)    └─ sleeps until there is a line
//
// The mutex is held for the copy of one line, or to exchange the queue for an empty one. A caller
// makes the system call that wakes the thread only if it sleeps, not when it naps or writes: at
// most once per nap, however many lines there are.
//
// Every line is written or dropped, and counted as one of them (line_sink.h tells when a line that
// an error cut is). Drops are warned of in the main log, at most once per kWarnInterval. Lines of
// one thread stay in their order. Any thread may call anything.
#ifndef SLUICE_CORE_LOG_LINE_LOG_H_
#define SLUICE_CORE_LOG_LINE_LOG_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "core/base/atomic.h"
#include "core/base/clock.h"
#include "core/base/time.h"
#include "core/log/line_sink.h"
#include "core/log/logger.h"

namespace sluice::core {

class LineLog {
 public:
  static constexpr size_t kQueueBytes = 4 << 20;
  static constexpr Duration kNap = 5ms;
  static constexpr Duration kWarnInterval = 5s;

  // `path`: "stdout", "stderr", or a file to append to, created with mode 0640. `name` is for
  // warnings. A FIFO without a reader or a full disk is no error: its time may come. A directory, a
  // UNIX socket that is listened on and a system without threads are. `clock` and `logger` outlive
  // the log.
  static absl::StatusOr<std::unique_ptr<LineLog>> Open(const std::string& name, std::string path,
                                                       const Clock& clock, Logger& logger);
  LineLog(const LineLog&) = delete;
  LineLog& operator=(const LineLog&) = delete;
  // What is queued is written as far as that goes without waiting for a reader.
  ~LineLog();

  // `line`: without '\n'.
  void Write(std::string_view line);

  // Opens the file that has the path by now: lines written before go to the old one, later ones to
  // the new. If it cannot be opened, the old one stays in use until it can.
  void Reopen();

  // Another file, in two steps. Prepare opens it, with the errors of Open, and changes nothing; it
  // may wait for a disk. Retarget cannot fail: lines written before go to the old file.
  struct Target {
    std::string path;
    std::unique_ptr<LineSink> sink;
  };
  absl::StatusOr<Target> Prepare(std::string path) const;
  void Retarget(Target target);

  // Waits until every line and Reopen so far has been dealt with, at most `timeout`. False: not
  // yet.
  bool Drain(Duration timeout);

  uint64_t written() const { return written_.load(std::memory_order_relaxed); }
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  struct Batch {
    std::string lines;                // each ends with '\n'
    std::optional<size_t> reopen_at;  // offset in `lines`
    std::unique_ptr<LineSink> sink;   // to be used from there on, or null: the same
    uint64_t orders = 0;              // calls of Write and Reopen up to here, since the beginning
  };

  LineLog(std::string name, const Clock& clock, Logger& logger);
  absl::Status Start();
  void Run(absl::Notification& ready);
  bool Take(Batch& batch);
  void Settle(const LineSink::Outcome& outcome);
  void Drop(uint64_t lines, std::string_view why);

  std::string Name();

  const std::string name_;  // without the path
  const Clock& clock_;
  Logger& logger_;
  LogThrottle throttle_{kWarnInterval};
  Atomic<uint64_t> written_{0};  // counters: no order is asked of them
  Atomic<uint64_t> dropped_{0};

  // Not abseil's: its waits with a timeout follow the wall clock, which may be stepped.
  std::mutex mutex_;
  std::condition_variable wake_;     // the thread waits for it
  std::condition_variable drained_;  // `done_` has grown
  Batch queue_;                      // guarded by mutex_, as the five below
  std::string path_;
  uint64_t done_ = 0;      // orders dealt with
  bool sleeping_ = false;  // the thread waits for the next order, not for kNap only
  bool hurry_ = false;     // the thread has been told not to wait
  bool stopping_ = false;

  const int stop_fd_;               // an eventfd, readable once the log is to end
  std::unique_ptr<LineSink> sink_;  // the thread's
  std::thread thread_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_LOG_LINE_LOG_H_
