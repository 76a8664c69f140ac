#include "core/log/line_log.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace sluice::core {
namespace {

// What may be over by the time the next line comes. A standard descriptor that was closed at the
// start is not, but its log is then dropped and counted like any other without a reader.
bool MayPass(int error) {
  return error == ENXIO || error == ENOSPC || error == EDQUOT || error == EBADF;
}

std::string_view Describe(int error) {
  switch (error) {
    case ENXIO:
    case EPIPE:
    case ECONNREFUSED:
    case ECONNRESET:
    case ENOTCONN:
      return "it has no reader";
    case EBADF:
      return "it is not open for writing";
    case LineSink::kIsSocket:
      return "it is a UNIX socket";
    default:
      return strerrordesc_np(error);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<LineLog>> LineLog::Open(const std::string& name, std::string path,
                                                       const Clock& clock, Logger& logger) {
  auto log = absl::WrapUnique(new LineLog(name, clock, logger));
  if (log->stop_fd_ < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat(name, " ", path, ": cannot be opened"));
  }
  absl::StatusOr<Target> target = log->Prepare(std::move(path));
  if (!target.ok()) return target.status();
  log->path_ = std::move(target->path);
  log->sink_ = std::move(target->sink);
  if (const absl::Status started = log->Start(); !started.ok()) return started;
  return log;
}

LineLog::LineLog(std::string name, const Clock& clock, Logger& logger)
    : name_(std::move(name)),
      clock_(clock),
      logger_(logger),
      stop_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  queue_.lines.reserve(kQueueBytes);
}

absl::StatusOr<LineLog::Target> LineLog::Prepare(std::string path) const {
  auto sink = std::make_unique<LineSink>(path, stop_fd_);
  const int error = sink->Reopen().error;
  if (error == 0 || MayPass(error)) {
    return Target{.path = std::move(path), .sink = std::move(sink)};
  }
  const std::string name = absl::StrCat(name_, " ", path);
  if (error == EISDIR || error == LineSink::kIsSocket) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": it is a ",
                                                   error == EISDIR ? "directory" : "UNIX socket",
                                                   ", allowed: a file, a FIFO, stdout, stderr"));
  }
  return absl::ErrnoToStatus(error, absl::StrCat(name, ": cannot be opened"));
}

void LineLog::Retarget(Target target) {
  {
    std::lock_guard lock(mutex_);
    path_ = std::move(target.path);
    queue_.sink = std::move(target.sink);
    queue_.reopen_at = queue_.lines.size();
    ++queue_.orders;
    hurry_ = true;
  }
  wake_.notify_one();
}

std::string LineLog::Name() {
  std::lock_guard lock(mutex_);
  return absl::StrCat(name_, " ", path_);
}

LineLog::~LineLog() {
  if (thread_.joinable()) {
    {
      std::lock_guard lock(mutex_);
      stopping_ = hurry_ = true;
    }
    wake_.notify_one();
    eventfd_write(stop_fd_, 1);
    thread_.join();
  }
  if (stop_fd_ >= 0) close(stop_fd_);
}

void LineLog::Write(std::string_view line) {
  bool fits = false;
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    std::string& lines = queue_.lines;
    fits = lines.size() + line.size() + 1 <= kQueueBytes;
    if (fits) {
      lines.append(line).push_back('\n');
      ++queue_.orders;
      wake = !hurry_ && (sleeping_ || lines.size() > kQueueBytes / 2);
      if (wake) hurry_ = true;
    }
  }
  if (wake) wake_.notify_one();
  if (!fits) Drop(1, "it is too slow");
}

void LineLog::Reopen() {
  {
    std::lock_guard lock(mutex_);
    // One already asked for will open the same file, for it is yet to come.
    if (!queue_.reopen_at) queue_.reopen_at = queue_.lines.size();
    ++queue_.orders;
    hurry_ = true;
  }
  wake_.notify_one();
}

bool LineLog::Drain(Duration timeout) {
  std::unique_lock lock(mutex_);
  const uint64_t orders = queue_.orders;
  if (done_ < orders) hurry_ = true;
  wake_.notify_one();
  return drained_.wait_for(lock, timeout, [&] { return done_ >= orders; });
}

// The thread takes no signals: they are for others, and SIGPIPE and SIGXFSZ are errors here. It has
// its memory when this returns, or the process has ended with a message: later there may be none.
absl::Status LineLog::Start() {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const absl::Cleanup restore = [&before] { pthread_sigmask(SIG_SETMASK, &before, nullptr); };
  absl::Notification ready;
  try {
    thread_ = std::thread([this, &ready] { Run(ready); });
  } catch (const std::system_error&) {
    return absl::ResourceExhaustedError(absl::StrCat(Name(), ": the system is out of threads"));
  }
  ready.WaitForNotification();
  return absl::OkStatus();
}

void LineLog::Run(absl::Notification& ready) {
  constexpr size_t kMostOfName = 15;  // of a thread
  std::string name = name_.substr(0, kMostOfName);
  std::ranges::replace(name, ' ', '-');
  pthread_setname_np(pthread_self(), name.c_str());
  Batch batch;
  batch.lines.reserve(kQueueBytes);
  ready.Notify();
  while (Take(batch)) {
    const std::string_view lines = batch.lines;
    const size_t before = batch.reopen_at.value_or(lines.size());
    Settle(sink_->Write(lines.substr(0, before)));
    if (!batch.reopen_at) continue;
    if (batch.sink != nullptr) {
      Settle(sink_->Finish());
      sink_ = std::move(batch.sink);
    } else {
      Settle(sink_->Reopen());
    }
    Settle(sink_->Write(lines.substr(before)));
  }
}

// The last batch is done; waits for the next. False: the log ends.
bool LineLog::Take(Batch& batch) {
  std::unique_lock lock(mutex_);
  done_ = batch.orders;
  drained_.notify_all();
  wake_.wait_for(lock, kNap, [this] { return hurry_ || stopping_; });
  while (queue_.orders == done_) {
    if (stopping_) return false;
    hurry_ = false;
    sleeping_ = true;
    wake_.wait(lock, [this] { return hurry_; });
    sleeping_ = false;
  }
  hurry_ = false;
  batch.lines.clear();
  batch.lines.swap(queue_.lines);
  batch.reopen_at = std::exchange(queue_.reopen_at, std::nullopt);
  batch.sink = std::move(queue_.sink);
  batch.orders = queue_.orders;
  return true;
}

void LineLog::Settle(const LineSink::Outcome& outcome) {
  written_.fetch_add(outcome.written, std::memory_order_relaxed);
  if (outcome.error != 0 || outcome.dropped != 0) Drop(outcome.dropped, Describe(outcome.error));
}

void LineLog::Drop(uint64_t lines, std::string_view why) {
  const uint64_t dropped = dropped_.fetch_add(lines, std::memory_order_relaxed) + lines;
  uint64_t suppressed;  // the number of lines says more
  if (!throttle_.Pass(clock_.Now(), suppressed)) return;
  logger_.Log(LogLevel::kWarn, "%s: %s; lines dropped so far: %d", Name(), why, dropped);
}

}  // namespace sluice::core
