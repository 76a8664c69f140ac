#include "proxy/listener/listener.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/io/accept_stream.h"
#include "core/sched/worker.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "proxy/listener/listen_error.h"
#include "proxy/listener/unix_owner.h"
#include "proxy/upstream/upstream.h"
#include "proxy/upstream/to_core.h"

namespace sluice::proxy {
namespace {

using core::IoResult;
using core::LogLevel;
using core::Worker;

// After a failed accept: doubled each time, so that it neither spins nor keeps clients waiting when
// descriptors come back one by one.
constexpr core::Nanos kMinPause = 5 * core::kMillisecond;
constexpr core::Nanos kMaxPause = 100 * core::kMillisecond;
// Connections taken from the kernel's queue at a stop before others run.
constexpr size_t kRestPerRound = 64;

core::Reactor& CurrentReactor() { return Worker::Current()->reactor(); }


SessionContext WithBandwidth(SessionContext context, uint64_t per_connection, SharedPace& up,
                             SharedPace& down) {
  context.bandwidth = {.per_connection = per_connection, .up = &up, .down = &down};
  return context;
}

}  // namespace

Listener::Listener(const conf::Listener& config, SessionContext context,
                   const ListenerShared& shared)
    : name_(config.name),
      addresses_(config.bind),
      options_(ToCore(config.socket)),
      unix_owner_(config.socket.unix_owner),
      unix_group_(config.socket.unix_group),
      on_limit_(config.on_limit),
      shared_(shared),
      admission_(config, shared.limit, shared.limit_reached, shared.rate, shared.reserve),
      bytes_up_(config.bandwidth.total),
      bytes_down_(config.bandwidth.total),
      context_(WithBandwidth(std::move(context), config.bandwidth.per_connection, bytes_up_,
                             bytes_down_)) {}

absl::Status Listener::ResolveOwner() {
  const bool has_file = std::ranges::any_of(addresses_, [](const conf::Address& address) {
    return address.family() == AF_UNIX && address.ToString().starts_with("unix:/");
  });
  if (!has_file) return absl::OkStatus();
  const absl::Status resolved = ResolveUnixOwner(unix_owner_, unix_group_, options_);
  if (resolved.ok()) return resolved;
  return absl::Status(resolved.code(), absl::StrCat("listener ", name_, ": ", resolved.message()));
}

void Listener::TryBind(std::vector<BindFailure>& failures) {
  if (sockets_.empty()) {  // the first time
    if (absl::Status status = ResolveOwner(); !status.ok()) {
      failures.push_back({EINVAL, std::string(status.message())});
      return;
    }
  }
  sockets_.resize(addresses_.size(), -1);
  files_.resize(addresses_.size());
  for (size_t i = 0; i < addresses_.size(); ++i) {
    if (sockets_[i] >= 0) continue;
    IoResult<int> fd = CurrentReactor().Listen(ToCore(addresses_[i]), options_, files_[i]);
    if (fd.ok()) {
      sockets_[i] = *fd;
    } else {
      const absl::Status status = ListenError(name_, addresses_[i], options_, fd.error());
      failures.push_back({fd.error(), std::string(status.message())});
    }
  }
}

std::vector<core::Address> Listener::BoundAddresses() const {
  std::vector<core::Address> addresses;
  addresses.reserve(sockets_.size());
  for (const int socket : sockets_) addresses.push_back(CurrentReactor().LocalAddress(socket));
  return addresses;
}

void Listener::LogAddresses() {
  for (const int socket : sockets_) {
    shared_.logger.Log(LogLevel::kInfo, "listener %s: listening on %s", name_,
                       CurrentReactor().LocalAddress(socket).ToString());
  }
}

void Listener::Start(core::TaskGroup& group) {
  const auto runtime = core::RuntimeHandle::Current();
  for (const int socket : sockets_) {
    for (uint32_t i = 0; i < runtime.workers(); ++i) {
      group.Spawn(Accept(socket), &runtime.worker(i));
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
  co_await core::Select(AcceptUntilCancelled(*fd), shared_.stop.Cancelled());
  CurrentReactor().Close(*fd);
}

core::Task<void> Listener::AcceptUntilCancelled(int fd) {
  // To leave what is over the limit to the kernel, connections are taken one by one.
  core::AcceptStream arrivals(fd, on_limit_ == conf::OnLimit::kWait);
  core::Nanos pause = kMinPause;
  for (;;) {
    IoResult<int> accepted = co_await arrivals.Next();
    if (accepted.ok()) {
      pause = kMinPause;
      Verdict verdict = Judge(*accepted);
      if (MayWait(verdict)) {
        co_await WaitForRoom(*accepted, std::move(verdict));
      } else {
        Settle(*accepted, std::move(verdict));
      }
    } else if (accepted.error() == ECANCELED) {
      co_return;
    } else {
      co_await Pause(accepted.error(), pause);
      pause = std::min(pause * 2, kMaxPause);
    }
  }
}

Verdict Listener::Judge(int fd) {
  Verdict verdict =
      admission_.Try(admission_.needs_client() ? CurrentReactor().PeerAddress(fd) : core::Address(),
                     Worker::Current()->now());
  if (verdict.refusal == Refusal::kMemory || verdict.refusal == Refusal::kBuffers) {
    WarnOf(verdict.refusal);
  }
  return verdict;
}

// What is short for everybody is told, unlike the limits of connections that somebody has chosen.
void Listener::WarnOf(Refusal refusal) {
  const bool is_memory = refusal == Refusal::kMemory;
  core::LogThrottle& throttle = is_memory ? shared_.memory_throttle : shared_.buffer_throttle;
  uint64_t suppressed = 0;
  if (!throttle.Pass(Worker::Current()->now(), suppressed)) return;
  const char* const fate = on_limit_ == conf::OnLimit::kWait ? "wait" : "are reset";
  if (is_memory) {
    shared_.logger.Log(LogLevel::kWarn,
                       "listener %s: out of memory: new connections %s until there is some again "
                       "(%d more times since the last line)",
                       name_, fate, suppressed);
    return;
  }
  shared_.logger.Log(
      LogLevel::kWarn,
      "listener %s: buffer_memory is used up: it serves %d connections, further ones "
      "%s until one of them ends (%d more times since the last line)",
      name_, shared_.limit.max(), fate, suppressed);
}

bool Listener::MayWait(const Verdict& verdict) const {
  return on_limit_ == conf::OnLimit::kWait && !shared_.stop.cancelled() &&
         verdict.refusal != Refusal::kNone && verdict.refusal != Refusal::kSource;
}

core::Task<void> Listener::WaitForRoom(int fd, Verdict verdict) {
  while (MayWait(verdict)) {
    ConnectionLimit* const full = verdict.full;
    if (full != nullptr) {
      co_await full->Room();
    } else {
      (void)co_await core::Sleep(verdict.retry_in);
    }
    verdict = Judge(fd);
    if (full != nullptr && verdict.refusal != Refusal::kNone) full->PassOn();
  }
  Settle(fd, std::move(verdict));
}

// Makes a session of a connection, or resets it.
void Listener::Settle(int fd, Verdict verdict) {
  const Worker& here = *Worker::Current();
  WorkerStats& stats = shared_.stats.of(here.index());
  core::Count(stats.accepted);
  if (verdict.refusal == Refusal::kNone) {
    const uint32_t chosen = shared_.placement.Choose(here.index());
    verdict.ticket.place = shared_.placement.Take(chosen);
    const auto runtime = core::RuntimeHandle::Current();
    Worker* const other = chosen == here.index() ? nullptr : &runtime.worker(chosen);
    shared_.sessions.Spawn(RunSession(context_, fd, std::move(verdict.ticket)), other);
    return;
  }
  core::Count(stats.refused[static_cast<size_t>(verdict.refusal)]);
  CurrentReactor().SetResetOnClose(fd);
  CurrentReactor().CloseNow(fd);
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
                       name_, strerrordesc_np(error), kMaxPause / core::kMillisecond, suppressed);
  }
  (void)co_await core::Sleep(pause);
}

core::Task<void> Listener::AcceptRest(core::CancellationToken hurry) {
  for (const int socket : sockets_) {
    size_t waiting =
        CurrentReactor().WaitingConnections(socket, static_cast<size_t>(options_.backlog) + 1);
    while (waiting > 0 && !hurry.cancelled()) {
      for (size_t i = 0; i < kRestPerRound && waiting > 0; ++i, --waiting) {
        IoResult<int> fd = CurrentReactor().AcceptNow(socket);
        if (fd.ok()) {
          Settle(*fd, Judge(*fd));
        } else if (fd.error() == EAGAIN) {
          waiting = 0;
          break;
        } else if (fd.error() != ECONNABORTED && fd.error() != EPROTO) {
          co_await Pause(fd.error(), kMinPause);  // sessions that end give descriptors back
        }
      }
      if (waiting > 0) (void)co_await core::Sleep(0);
    }
  }
}

void Listener::Close() {
  for (size_t i = 0; i < sockets_.size(); ++i) {
    if (sockets_[i] >= 0) CurrentReactor().CloseListener(sockets_[i], files_[i]);
  }
  sockets_.clear();
  files_.clear();
}

}  // namespace sluice::proxy
