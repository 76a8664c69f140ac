#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/io/command.h"
#include "core/io/poll.h"
#include "core/io/stream_socket.h"
#include "core/reactor/descriptor_notes.h"
#include "core/runtime/spawn.h"
#include "core/sched/worker.h"

namespace sluice::core {
namespace {

constexpr int kSoon = 1000;  // milliseconds

// 1: it has ended, and `info` says how; 0: it runs; or a negative errno.
int TryWait(int pidfd, siginfo_t& info) {
  for (;;) {
    info = {};
    if (waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG) == 0) {
      return info.si_pid == 0 ? 0 : 1;
    }
    if (errno != EINTR) return -errno;
  }
}

int SendSignal(int pidfd, int signal) {
  return syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0 ? 0 : errno;
}

// Those that have been left, run, and have no task that waits for them.
class LeftProcesses {
 public:
  void Add(int pidfd) {
    absl::MutexLock lock(&mutex_);
    pidfds_.push_back(pidfd);
  }
  // Takes from the kernel's table what has ended.
  void Reap() {
    absl::MutexLock lock(&mutex_);
    std::erase_if(pidfds_, [](int pidfd) {
      siginfo_t info;
      if (TryWait(pidfd, info) == 0) return false;
      DescriptorNotes::CloseElsewhere(pidfd);  // any runtime's
      return true;
    });
  }

 private:
  absl::Mutex mutex_;
  std::vector<int> pidfds_ ABSL_GUARDED_BY(mutex_);
};

// Never destroyed: it may be used while the process ends.
LeftProcesses& TheLeft() {
  static LeftProcesses& left = *new LeftProcesses;
  return left;
}

// A process that has been left and runs: at its end it is taken from the kernel's table.
class Orphan {
 public:
  Orphan(int pidfd, bool killed) : pidfd_(pidfd), killed_(killed) {}
  Orphan(Orphan&& other) noexcept
      : pidfd_(std::exchange(other.pidfd_, -1)), killed_(other.killed_) {}
  Orphan& operator=(Orphan&&) = delete;
  // When the runtime ends before, or there is none, one that has been killed is waited for: that is
  // soon, unless a disk holds it.
  ~Orphan() {
    if (pidfd_ < 0) return;
    pollfd end = {.fd = pidfd_, .events = POLLIN, .revents = 0};
    while (killed_ && poll(&end, 1, kSoon) < 0 && errno == EINTR) {
    }
    siginfo_t info;
    if (TryWait(pidfd_, info) == 0) {
      TheLeft().Add(pidfd_);
    } else {
      CloseDescriptor(pidfd_);
    }
  }
  int pidfd() const { return pidfd_; }

 private:
  int pidfd_;
  const bool killed_;
};

Task<void> WaitForOrphan(Orphan orphan) { (void)co_await Poll(orphan.pidfd(), POLLIN); }

}  // namespace

std::string ExitStatus::ToString() const {
  if (signal == 0) return "exit code " + std::to_string(code);
  const char* name = sigdescr_np(signal);
  return std::string(name != nullptr ? name : "ended") + " (signal " + std::to_string(signal) + ")";
}

Child::Child(Child&& other) noexcept
    : in(std::move(other.in)),
      out(std::move(other.out)),
      err(std::move(other.err)),
      pid_(other.pid_),
      pidfd_(std::exchange(other.pidfd_, -1)),
      kill_on_drop_(other.kill_on_drop_),
      status_(other.status_),
      program_(std::move(other.program_)) {
  other.lane_.CheckIdle();
}

Child& Child::operator=(Child&& other) noexcept {
  if (this == &other) return *this;
  other.lane_.CheckIdle();
  Leave();
  in = std::move(other.in);
  out = std::move(other.out);
  err = std::move(other.err);
  pid_ = other.pid_;
  pidfd_ = std::exchange(other.pidfd_, -1);
  kill_on_drop_ = other.kill_on_drop_;
  status_ = other.status_;
  program_ = std::move(other.program_);
  return *this;
}

void Child::Leave() {
  lane_.CheckIdle();
  if (pidfd_ < 0) return;
  const bool runs = Reap() == -EAGAIN;
  if (runs && kill_on_drop_) (void)Kill();
  Orphan orphan(std::exchange(pidfd_, -1), runs && kill_on_drop_);
  if (runs && Worker::Current() != nullptr) {
    core::Spawn(WaitForOrphan(std::move(orphan))).Detach();
  }
}

void Child::ReapLeft() { TheLeft().Reap(); }

IoResult<void> Child::Signal(int signal) {
  if (status_.has_value() || pidfd_ < 0) return IoError(ESRCH);
  if (const int error = SendSignal(pidfd_, signal); error != 0) return IoError(error);
  return {};
}

IoResult<void> Child::Kill() { return Signal(SIGKILL); }

int32_t Child::Reap() {
  if (status_.has_value()) return 0;
  siginfo_t info;
  const int result = TryWait(pidfd_, info);
  if (result == 0) return -EAGAIN;
  if (result < 0) return result;
  status_ = info.si_code == CLD_EXITED ? ExitStatus{.code = info.si_status}
                                       : ExitStatus{.signal = info.si_status};
  return 0;
}

ChildWait::ChildWait(Child& child) : Attempt(child.pidfd_, POLLIN, child.lane_), child_(child) {}

void ChildWait::CloseInput() {
  if (!child_.in.is_busy()) child_.in.Close();
}

int32_t ChildWait::Try() { return child_.Reap(); }

IoResult<ExitStatus> ChildWait::await_resume() {
  const int32_t outcome = End();
  if (outcome < 0) return IoError(-outcome);
  return *child_.status_;
}

}  // namespace sluice::core
