#include "proxy/server/predecessor.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>

#include "core/io/poll.h"
#include "core/sched/worker.h"
#include "core/task/select.h"
#include "core/time/sleep.h"

namespace sluice::proxy {
namespace {

// What it takes to end sessions that are not waited for any more.
constexpr core::Duration kRest = 5s;

core::Task<void> Over(std::optional<core::Duration> time) {
  while (co_await core::Sleep(time.value_or(1h)) && !time) {
  }
}

}  // namespace

Predecessor Predecessor::At(int channel) {
  Predecessor result;
  ucred peer = {};
  socklen_t size = sizeof(peer);
  const bool is_known = getsockopt(channel, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
                        peer.pid > 0 && peer.pid != getpid();
  if (!is_known) return result;
  result.process_ = static_cast<int>(syscall(SYS_pidfd_open, peer.pid, 0));
  result.pid_ = peer.pid;
  return result;
}

Predecessor::~Predecessor() {
  if (process_ >= 0) close(process_);
}

bool Predecessor::HasEnded() const {
  pollfd entry = {.fd = process_, .events = POLLIN, .revents = 0};
  return poll(&entry, 1, 0) == 1;
}

// Also where the kernel cannot wait for it: then it is looked at now and then.
core::Task<void> Predecessor::Ended() const {
  core::IoResult<uint32_t> ready = co_await core::Poll(process_, POLLIN);
  if (ready.ok() || ready.error() == ECANCELED) co_return;
  while (!HasEnded() && co_await core::Sleep(100ms)) {
  }
}

core::Task<void> Predecessor::WaitForEnd(std::optional<core::Duration> most, StopSignals& signals,
                                         core::Logger& logger) {
  if (process_ < 0 || HasEnded()) co_return;
  logger.Log(core::LogLevel::kInfo,
             "upgrade: process %d before this one still serves sessions: waiting for its end",
             pid_);
  auto outcome =
      co_await core::Select(core::Named<"ended">(Ended()), core::Named<"late">(Over(most)),
                            core::Named<"signal">(signals.Next(kNoChangeAtEnd)));
  if (!outcome.Won<"ended">()) {
    syscall(SYS_pidfd_send_signal, process_, SIGTERM, nullptr, 0);
    (void)co_await core::Select(core::Named<"ended">(Ended()),
                                core::Named<"late">(core::Sleep(kRest)));
  }
  core::CurrentReactor().Close(std::exchange(process_, -1));
}

}  // namespace sluice::proxy
