#include "proxy/listener.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/io.h"
#include "core/join.h"
#include "core/sleep.h"
#include "core/worker.h"
#include "proxy/cluster.h"

namespace sluice::proxy {
namespace {

using core::IoResult;
using core::LogLevel;
using core::Worker;

// After a failed accept: doubled each time, so that it neither spins nor keeps clients waiting when
// descriptors come back one by one.
constexpr core::Nanos kMinPause = 5 * core::kMillisecond;
constexpr core::Nanos kMaxPause = 100 * core::kMillisecond;
constexpr int kBacklog = 4096;
constexpr int kBindAttempts = 25;
constexpr core::Nanos kBindPause = 20 * core::kMillisecond;

core::Reactor& CurrentReactor() { return Worker::Current()->reactor(); }

core::Task<void> UntilCancelled(core::CancellationToken token) { (void)co_await token.Cancelled(); }

}  // namespace

Listener::Listener(const conf::Listener& config, SessionContext context,
                   const ListenerShared& shared)
    : name_(config.name),
      addresses_(config.bind),
      context_(std::move(context)),
      shared_(shared),
      limit_(config.max_connections) {}

core::Task<IoResult<int>> Listener::ListenAt(const core::Address& address) {
  for (int attempt = 1;; ++attempt) {
    IoResult<int> fd = CurrentReactor().Listen(address, kBacklog);
    if (fd.ok() || fd.error() != EADDRINUSE || attempt == kBindAttempts) co_return fd;
    if (!co_await core::Sleep(kBindPause)) co_return fd;
  }
}

core::Task<absl::Status> Listener::Bind() {
  for (const conf::Address& address : addresses_) {
    IoResult<int> fd = co_await ListenAt(ToCore(address));
    if (!fd.ok()) {
      co_return absl::ErrnoToStatus(
          fd.error(), absl::StrCat("listener ", name_, ": cannot listen on ", address.ToString()));
    }
    sockets_.push_back(*fd);
    shared_.logger.Log(LogLevel::kInfo, "listener %s: listening on %s", name_,
                       CurrentReactor().LocalAddress(*fd).ToString());
  }
  co_return absl::OkStatus();
}

void Listener::Start(core::TaskGroup& group) {
  core::Shared& runtime = Worker::Current()->shared();
  for (const int socket : sockets_) {
    for (const std::unique_ptr<Worker>& worker : runtime.workers) {
      group.Spawn(Accept(socket), worker.get());
    }
  }
}

core::Task<void> Listener::Accept(int socket) {
  // A descriptor of this worker's own: a backend waits for one thing per descriptor and direction.
  IoResult<int> fd = CurrentReactor().Duplicate(socket);
  while (!fd.ok() && !shared_.stop.cancelled()) {
    co_await Pause(fd.error(), kMaxPause);
    fd = CurrentReactor().Duplicate(socket);
  }
  if (!fd.ok()) co_return;
  co_await core::Select(AcceptUntilCancelled(*fd), UntilCancelled(shared_.stop));
  CurrentReactor().Close(*fd);
}

core::Task<void> Listener::AcceptUntilCancelled(int fd) {
  // To leave what is over the limit to the kernel, connections are taken one by one.
  core::AcceptStream arrivals(fd, shared_.on_limit == conf::OnLimit::kWait);
  core::Nanos pause = kMinPause;
  for (;;) {
    IoResult<int> accepted = co_await arrivals.Next();
    if (accepted.ok()) {
      pause = kMinPause;
      co_await OnConnection(*accepted);
    } else if (accepted.error() == ECANCELED) {
      co_return;
    } else {
      co_await Pause(accepted.error(), pause);
      pause = std::min(pause * 2, kMaxPause);
    }
  }
}

core::Task<void> Listener::OnConnection(int fd) {
  core::Count(shared_.stats.of(Worker::Current()->index()).accepted);
  ConnectionLimit* full = nullptr;
  LimitSlot slot = LimitSlot::TryAcquire(shared_.limit, limit_, full);
  while (full != nullptr && shared_.on_limit == conf::OnLimit::kWait && !shared_.stop.cancelled()) {
    co_await full->Room();
    slot = LimitSlot::TryAcquire(shared_.limit, limit_, full);
  }
  if (full != nullptr) {
    Reject(fd);
    co_return;
  }
  shared_.sessions.Spawn(RunSession(context_, fd, std::move(slot)));
}

void Listener::Reject(int fd) {
  core::Count(shared_.stats.of(Worker::Current()->index()).rejected);
  CurrentReactor().SetResetOnClose(fd);
  CurrentReactor().Close(fd);
}

// Descriptors or memory have run out (or the peer was faster): try again a little later.
core::Task<void> Listener::Pause(int error, core::Nanos pause) {
  if (error == ECONNABORTED || error == EPROTO) co_return;
  core::Count(shared_.stats.of(Worker::Current()->index()).accept_pauses);
  uint64_t suppressed = 0;
  if (shared_.accept_throttle.Pass(Worker::Current()->now(), suppressed)) {
    shared_.logger.Log(LogLevel::kWarn,
                       "listener %s: cannot accept: %s; trying again every %d ms (%d more such "
                       "pauses since the last line)",
                       name_, strerror(error), kMaxPause / core::kMillisecond, suppressed);
  }
  (void)co_await core::Sleep(pause);
}

void Listener::AcceptRest() {
  for (const int socket : sockets_) {
    for (;;) {
      IoResult<int> fd = CurrentReactor().AcceptNow(socket);
      if (!fd.ok()) break;
      core::Count(shared_.stats.of(Worker::Current()->index()).accepted);
      ConnectionLimit* full = nullptr;
      LimitSlot slot = LimitSlot::TryAcquire(shared_.limit, limit_, full);
      if (full != nullptr) {
        Reject(*fd);
      } else {
        shared_.sessions.Spawn(RunSession(context_, *fd, std::move(slot)));
      }
    }
  }
}

void Listener::Close() {
  for (const int socket : sockets_) CurrentReactor().CloseListener(socket);
  sockets_.clear();
}

}  // namespace sluice::proxy
