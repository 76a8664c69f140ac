#include "epoll/epoll_reactor.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "core/base/check.h"
#include "core/base/counter.h"
#include "core/net/transfer.h"
#include "core/reactor/blocking_calls.h"
#include "core/reactor/recv_now.h"
#include "epoll/epoll_entry.h"

namespace sluice::epoll {
namespace {

using core::Op;
using core::OpKind;

constexpr uint32_t kEventsPerTurn = 256;
constexpr useconds_t kRestAfterFailure = 5000;  // microseconds
constexpr uint64_t kWakeCookie = ~uint64_t{0};

// Milliseconds for epoll_wait, rounded up so that a timer is due when it returns.
int TimeoutMs(std::optional<core::Duration> timeout) {
  if (!timeout.has_value()) return -1;
  const int64_t ms = std::chrono::ceil<std::chrono::milliseconds>(*timeout).count();
  return static_cast<int>(std::min<int64_t>(ms, std::numeric_limits<int>::max()));
}

// Of a socket that the reactor has made or accepts from: it has O_NONBLOCK.
FileType TypeOf(bool is_tcp) { return is_tcp ? FileType::kTcp : FileType::kStream; }

// Of what is no socket, -1.
int SocketOption(int fd, int option) {
  int value = -1;
  socklen_t size = sizeof(value);
  return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

// Not what has the addresses of IP alone: datagrams end a read, and so may messages, and what
// MPTCP hands on. (A raw socket, and one of netlink, may have this protocol's number, too.)
bool IsTcp(int fd, int protocol) {
  return protocol == IPPROTO_TCP && SocketOption(fd, SO_TYPE) == SOCK_STREAM;
}

}  // namespace

absl::StatusOr<std::unique_ptr<core::Reactor>> EpollReactor::Make(
    std::shared_ptr<DescriptorTable> table, core::BufferPool& pool) {
  const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) return absl::ErrnoToStatus(errno, "epoll_create1");
  core::IoResult<int> wake_fd = core::Wakeup::Open();
  if (!wake_fd.ok()) {
    close(epoll_fd);
    return absl::ErrnoToStatus(wake_fd.error(), "eventfd");
  }
  epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {.u64 = kWakeCookie}};
  SLUICE_CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, *wake_fd, &event) == 0);
  return std::unique_ptr<core::Reactor>(
      new EpollReactor(std::move(table), pool, epoll_fd, *wake_fd));
}

EpollReactor::EpollReactor(std::shared_ptr<DescriptorTable> table, core::BufferPool& pool,
                           int epoll_fd, int wake_fd)
    : table_(std::move(table)), pool_(pool), epoll_fd_(epoll_fd), wakeup_(wake_fd) {
  EnterList();
}

EpollReactor::~EpollReactor() {
  LeaveList();
  close(epoll_fd_);
}

EpollReactor& EpollReactor::OfCurrentWorker() {
  return static_cast<EpollReactor&>(*core::Reactor::Current());
}

bool EpollReactor::Submit(Op& op) {
  core::Count(counters_.ops);
  op.state = kPosted;
  if (op.fd < 0 && op.kind != OpKind::kOpen) [[unlikely]] {
    op.result = -EBADF;
    return true;
  }
  if (!op.task->ConsumeBudget()) {  // others first
    PostRetry(op);
    return false;
  }
  const bool done = Advance(op);
  if (done) core::Count(counters_.immediate);
  return done;
}

bool EpollReactor::Retry(Op& op) {
  EpollReactor& here = OfCurrentWorker();
  if (&here != this) core::Count(here.counters_.migrated);
  return here.Advance(op);
}

// Tries until the op is done (true) or waits (false).
bool EpollReactor::Advance(Op& op) {
  // By an edge or at the end of a pause.
  const bool woken = op.state == kParked || op.state == kPaused;
  op.reactor = this;
  switch (op.kind) {
    case OpKind::kRead:
    case OpKind::kWrite:
    case OpKind::kOpen:
      if (WaitsForDisk(op)) return AdvanceCall(op);
      break;
    default:
      break;
  }
  op.state = kPosted;
  Descriptor& descriptor = table_->at(op.fd);
  Readiness& readiness = descriptor.directions[DirectionOf(op)];
  for (;;) {
    if (readiness.ready() || descriptor.try_anyway.load(std::memory_order_acquire)) {
      readiness.Clear();  // I2
      Attempt attempt = Perform(op, descriptor);
      if (attempt == Attempt::kNotReady && woken && Sends(op)) attempt = SendAgain(op, descriptor);
      switch (attempt) {
        case Attempt::kDone:
          return true;
        case Attempt::kNoBuffer:
          readiness.Set();
          if (op.cancel_requested) break;
          Starve(op);
          return false;
        case Attempt::kInVain:
          readiness.Set();  // the pause tells of readiness, no edge
          if (op.cancel_requested) break;
          Pause(op);
          return false;
        case Attempt::kNotReady:
          break;
      }
    }
    if (op.cancel_requested) {
      readiness.Set();  // a poll may have consumed an edge that it did not want
      op.result = -ECANCELED;
      return true;
    }
    if (!Register(op, descriptor)) return true;
    op.state = kParked;
    ++waiting_;
    if (readiness.Park(op)) return false;
    --waiting_;
    op.state = kPosted;
  }
}

EpollReactor::Attempt EpollReactor::Perform(Op& op, Descriptor& descriptor) {
  switch (op.kind) {
    case OpKind::kRecv:
      return PerformRecv(static_cast<core::RecvOp&>(op), descriptor);
    case OpKind::kSend:
      return PerformSend(op, descriptor);
    case OpKind::kConnect:
      return PerformConnect(op);
    case OpKind::kAccept:
      return PerformAccept(static_cast<core::AcceptOp&>(op), descriptor);
    case OpKind::kPoll:
      return PerformPoll(op);
    case OpKind::kRead:
    case OpKind::kWrite:
      return PerformReadWrite(op);
    case OpKind::kRecvMessage:
    case OpKind::kSendMessage:
      return PerformMessage(op);
    case OpKind::kRecvInto:
      return PerformRecvInto(op);
    case OpKind::kOpen:
      break;
  }
  SLUICE_CHECK(false);
}

EpollReactor::Attempt EpollReactor::PerformRecv(core::RecvOp& op, Descriptor& descriptor) {
  switch (core::RecvNow(op, pool_, counters_)) {
    case core::RecvNowResult::kDone:
      // Less than was asked for, and than a small buffer, was there: an edge will tell of more.
      // Else it is worth a try.
      if (op.bulk || !op.drained || op.result != core::kCreditUsed) {
        descriptor.directions[kIn].Set();
      }
      return Attempt::kDone;
    case core::RecvNowResult::kNotReady:
      return Attempt::kNotReady;
    case core::RecvNowResult::kNoBuffer:
      return Attempt::kNoBuffer;
  }
  SLUICE_CHECK(false);
}

EpollReactor::Attempt EpollReactor::PerformSend(Op& op, Descriptor& descriptor) {
  op.result = core::SendBytes(op.fd, core::DataOf(op), op.size);
  if (op.result == -EAGAIN) return Attempt::kNotReady;
  if (op.result > 0) op.task->ConsumeBudgetForBytes(op.result);
  // A short send means that the socket is full: an edge will tell when it takes more.
  const bool all = op.result == static_cast<int32_t>(op.size);
  if (op.result < 0 || all) descriptor.directions[kOut].Set();
  return Attempt::kDone;
}

// A send has brought EAGAIN behind an edge or a pause. If poll(2) says that it may send all the
// same, no edge is of use; once more then, for that may have begun just now.
EpollReactor::Attempt EpollReactor::SendAgain(Op& op, Descriptor& descriptor) {
  if (!core::MaySend(op.fd)) return Attempt::kNotReady;
  const Attempt again = Perform(op, descriptor);
  return again == Attempt::kNotReady ? Attempt::kInVain : again;
}

// Called again after the edge, connect(2) tells how it went: done, failed (with the error) or still
// under way.
EpollReactor::Attempt EpollReactor::PerformConnect(Op& op) {
  const bool connected =
      connect(op.fd, static_cast<const sockaddr*>(core::DataOf(op)), op.size) == 0 ||
      errno == EISCONN;
  if (!connected && (errno == EINPROGRESS || errno == EALREADY || errno == EINTR)) {
    return Attempt::kNotReady;
  }
  op.result = connected ? 0 : -errno;
  if (connected) table_->at(op.fd).directions[kOut].Set();
  return Attempt::kDone;
}

EpollReactor::Attempt EpollReactor::PerformAccept(core::AcceptOp& op, Descriptor& descriptor) {
  // Once, before the first call. (That it is registered says nothing: a poll may have done that.)
  if (descriptor.type.load(std::memory_order_relaxed) == FileType::kUnknown) {
    int on = 1;
    ioctl(op.fd, FIONBIO, &on);
    const bool is_tcp = IsTcp(op.fd, SocketOption(op.fd, SO_PROTOCOL));
    descriptor.type.store(TypeOf(is_tcp), std::memory_order_relaxed);
  }
  for (;;) {
    const int fd = accept4(op.fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      table_->at(fd).type.store(descriptor.type.load(std::memory_order_relaxed),
                                std::memory_order_relaxed);
      descriptor.directions[kIn].Set();
      op.Append(*new core::Accepted(op, fd));
      op.result = 0;
      return Attempt::kDone;
    }
    if (errno == EAGAIN) return Attempt::kNotReady;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    descriptor.directions[kIn].Set();
    op.result = -errno;
    return Attempt::kDone;
  }
}

EpollReactor::Attempt EpollReactor::PerformPoll(Op& op) {
  if (std::exchange(op.drained, false)) return Attempt::kInVain;  // others were: a pause first
  pollfd entry = {.fd = op.fd, .events = static_cast<int16_t>(op.events), .revents = 0};
  if (poll(&entry, 1, 0) <= 0) return Attempt::kNotReady;
  table_->at(op.fd).directions[DirectionOf(op)].Set();
  op.result = entry.revents;
  return Attempt::kDone;
}

// The one registration of a descriptor's life. False: it failed and the op is done.
bool EpollReactor::Register(Op& op, Descriptor& descriptor) {
  if (descriptor.registered.load(std::memory_order_acquire)) return true;
  const uint64_t generation = descriptor.generation.load(std::memory_order_relaxed);
  epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET,
                       .data = {.u64 = generation << 32 | static_cast<uint32_t>(op.fd)}};
  // A listening socket has a descriptor in every worker: one arrival wakes one of them.
  if (op.kind == OpKind::kAccept) event.events = EPOLLIN | EPOLLET | EPOLLEXCLUSIVE;
  if (descriptor.type.load(std::memory_order_relaxed) != FileType::kTcp) {
    const int protocol = SocketOption(op.fd, SO_PROTOCOL);
    if (protocol != -1 && !IsTcp(op.fd, protocol)) {
      descriptor.try_anyway.store(true, std::memory_order_release);
    }
  }
  // Nothing to read before there is a connection: the edge will tell.
  if (op.kind == OpKind::kConnect) descriptor.directions[kIn].Clear();
  descriptor.registered.store(true, std::memory_order_release);
  int result = epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, op.fd, &event);
  if (result != 0 && errno == EEXIST) {
    // A duplicate that had this number left its entry behind: close(2) takes it out only when the
    // last descriptor of the open file goes.
    epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, op.fd, nullptr);
    result = epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, op.fd, &event);
  }
  if (result == 0) {
    if (op.kind == OpKind::kAccept) table_->EnterListener(op.fd, epoll_fd_);
    return true;
  }
  descriptor.registered.store(false, std::memory_order_release);
  op.result = -errno;
  return false;
}

void EpollReactor::PostRetry(Op& op) {
  op.retry = true;
  op.task->Post(op);
}

void EpollReactor::Cancel(Op& op) {
  if (op.state == kParked) {
    if (!table_->at(op.fd).directions[DirectionOf(op)].Remove(op)) return;  // Retry will see it
  } else if (op.state == kStarved || op.state == kPaused) {
    absl::MutexLock lock(&held_mutex_);
    const bool is_here =
        op.state == kStarved ? starved_.Remove(op) : paused_.Remove(op) || due_.Remove(op);
    if (!is_here) return;
  } else if (op.state == kCalled) {
    if (!blocking_calls_->Withdraw(op)) return;  // Retry will bring what the call brings
  } else {
    return;
  }
  --OfCurrentWorker().waiting_;
  op.state = kPosted;
  op.result = -ECANCELED;
  op.task->Post(op);
}

core::IoResult<int> EpollReactor::OpenSocket(int family) {
  const int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return core::IoError(errno);
  table_->at(fd).type.store(TypeOf(family != AF_UNIX), std::memory_order_relaxed);
  return fd;
}

void EpollReactor::Close(int fd) {
  if (fd < 0) [[unlikely]]
    return;
  Forget(fd);
  close(fd);
}

void EpollReactor::Forget(int fd) {
  if (table_->at(fd).is_listener.load(std::memory_order_relaxed)) [[unlikely]] {
    epoll_ctl(table_->LeaveListener(fd), EPOLL_CTL_DEL, fd, nullptr);  // I4
  }
  table_->Forget(fd);
}

void EpollReactor::Turn(std::optional<core::Duration> timeout, uint32_t limit) {
  core::Count(counters_.turns);
  timeout = GiveOwedWakes(timeout);
  if (FeedStarved()) timeout = core::Duration::zero();
  if (has_paused_) [[unlikely]]
    timeout = EndPauses(timeout, limit);
  std::array<epoll_event, kEventsPerTurn> events;
  const bool sleep = timeout != core::Duration::zero() && wakeup_.BeginSleep();
  core::Count(counters_.enters);
  const int wanted = static_cast<int>(std::clamp<uint32_t>(limit, 1, kEventsPerTurn));
  const int count = epoll_wait(epoll_fd_, events.data(), wanted, sleep ? TimeoutMs(timeout) : 0);
  if (sleep) wakeup_.EndSleep();
  // It could not even wait: asking again at once would only cost CPU time.
  if (count < 0 && errno != EINTR && sleep) usleep(kRestAfterFailure);
  for (int i = 0; i < count; ++i) Dispatch(events[i].events, events[i].data.u64);
}

void EpollReactor::Trim() { pool_.Trim(); }

void EpollReactor::Dispatch(uint32_t events, uint64_t cookie) {
  if (cookie == kWakeCookie) return;  // edge-triggered: it need not be read
  core::Count(counters_.completions);
  Descriptor& descriptor = table_->at(static_cast<int>(cookie & 0xffffffff));
  if (descriptor.generation.load(std::memory_order_acquire) != cookie >> 32) return;  // I3
  const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
  if (broken || (events & (EPOLLRDHUP | EPOLLPRI)) != 0) {
    descriptor.try_anyway.store(true, std::memory_order_release);
  }
  for (const Direction direction : {kIn, kOut}) {
    const uint32_t interest = direction == kIn ? EPOLLIN | EPOLLRDHUP : EPOLLOUT;
    if (!broken && (events & interest) == 0) continue;
    if (Op* op = descriptor.directions[direction].Signal()) {
      --waiting_;
      PostRetry(*op);
    }
  }
}

}  // namespace sluice::epoll
