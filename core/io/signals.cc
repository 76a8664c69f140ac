#include "core/io/signals.h"

#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "core/base/check.h"
#include "core/io/poll.h"
#include "core/reactor/descriptor_notes.h"
#include "core/sched/worker.h"

namespace sluice::core {

SignalStream::SignalStream(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  SLUICE_CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  fd_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd_ < 0) error_ = errno;
}

SignalStream::~SignalStream() {
  if (fd_ >= 0) DescriptorNotes::CloseElsewhere(fd_);
}

void SignalStream::Close() {
  CurrentReactor().Close(fd_);
  fd_ = -1;
}

Task<IoResult<int>> SignalStream::Next() {
  for (;;) {
    signalfd_siginfo info;
    const ssize_t bytes = read(fd_, &info, sizeof(info));
    if (bytes == sizeof(info)) co_return static_cast<int>(info.ssi_signo);
    if (bytes >= 0 || (errno != EAGAIN && errno != EINTR)) co_return IoError(EIO);
    IoResult<uint32_t> ready = co_await Poll(fd_, POLLIN);
    if (!ready.ok()) co_return IoError(ready.error());
  }
}

}  // namespace sluice::core
