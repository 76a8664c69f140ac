#include "iouring/uring_reactor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "core/base/check.h"
#include "core/base/counter.h"
#include "core/reactor/recv_now.h"
#include "iouring/uring_entry.h"

namespace sluice::iouring {
namespace {

using core::Op;
using core::OpKind;

constexpr uint32_t kSubmissionEntries = 1024;
constexpr uint32_t kCompletionEntries = 16384;
constexpr uint32_t kSmallCopy = 4096;  // bytes: of more the copy costs more than the call

// Completions that are worth a turn in which the kernel brings no more.
constexpr uint32_t kFullTurn = 32;

// Half of a pool at most: the other half is for those that read in their task.
size_t MostInRing(const core::BufferPool& pool) {
  return std::clamp<size_t>(pool.count() / 2, 1, kBufferEntries);
}

}  // namespace

absl::StatusOr<std::unique_ptr<core::Reactor>> UringReactor::Make(const Features& features,
                                                                  core::BufferPool& pool) {
  absl::StatusOr<std::unique_ptr<Ring>> ring =
      Ring::Make(kSubmissionEntries, kCompletionEntries,
                 std::bit_ceil(static_cast<uint32_t>(MostInRing(pool))));
  if (!ring.ok()) return ring.status();
  core::IoResult<int> wake_fd = core::Wakeup::Open();
  if (!wake_fd.ok()) return absl::ErrnoToStatus(wake_fd.error(), "eventfd");
  return std::unique_ptr<core::Reactor>(
      new UringReactor(features, pool, *std::move(ring), *wake_fd));
}

UringReactor::UringReactor(const Features& features, core::BufferPool& pool,
                           std::unique_ptr<Ring> ring, int wake_fd)
    : features_(features),
      pool_(pool),
      ring_(std::move(ring)),
      wakeup_(wake_fd),
      in_ring_(MostInRing(pool), nullptr),
      buffers_wanted_(std::min(kBuffersAtStart, in_ring_.size())),
      fewest_in_ring_(buffers_wanted_) {
  for (size_t id = in_ring_.size(); id-- > 0;) free_ids_.push_back(static_cast<uint16_t>(id));
  ArmWake();
  FillBufferRing();
}

UringReactor::~UringReactor() {
  ring_->Enter(core::Duration::zero());  // closes that are still queued
  // The kernel fills no buffer any more: no op is in flight.
  for (core::Buffer* buffer : in_ring_) {
    if (buffer != nullptr) pool_.Release(buffer, /*owner=*/true);
  }
}

bool UringReactor::Submit(Op& op) {
  core::Count(counters_.ops);
  if (op.kind == OpKind::kConnect && ConnectLocal(op)) {
    core::Count(counters_.immediate);
    return true;
  }
  if (op.kind == OpKind::kSend) {
    op.drained = false;
    op.result = 0;
    if (op.size > kSmallCopy && SendNow(op)) {
      core::Count(counters_.immediate);
      return true;
    }
    op.polling = std::exchange(op.result, 0) == -EAGAIN;
  }
  if (op.kind == OpKind::kWrite) op.bulk = PrepareWrite(core::AsFileOp(op));
  if (op.kind == OpKind::kSendMessage || (op.kind == OpKind::kWrite && op.bulk)) {
    op.drained = false;
    op.polling = false;
  }
  if (op.kind == OpKind::kRecvMessage) op.drained = ReceivesFromStream(op);  // mostly nothing yet
  if (op.kind == OpKind::kRecvInto && op.size >= kSmallCopy && !op.drained && ReceiveNow(op)) {
    core::Count(counters_.immediate);
    return true;
  }
  if (op.kind == OpKind::kRecv && (op.bulk || ReadsFrugally())) {
    if (!op.task->ConsumeBudget()) {  // others first
      PostRetry(op);
      return false;
    }
    return ReadInTask(static_cast<core::RecvOp&>(op));
  }
  if (op.kind == OpKind::kAccept) {
    op.credit = static_cast<core::AcceptOp&>(op).one_by_one ? 1 : core::kAcceptsPerSubmit;
  }
  if (op.kind != OpKind::kRecv) op.result = 0;  // nothing found yet: see PollEnd, ReceiveAgain
  Track(op);
  Enqueue(op);
  return false;
}

// The op is in flight here from now on.
void UringReactor::Track(Op& op) {
  op.reactor = this;
  op.kernel_refs.store(1, std::memory_order_relaxed);
  ++in_flight_;
}

// A UNIX socket connects at once or not at all; through the ring a full backlog would park a kernel
// thread. True: done.
bool UringReactor::ConnectLocal(Op& op) {
  const sockaddr* address = static_cast<const sockaddr*>(core::DataOf(op));
  if (address->sa_family != AF_UNIX) return false;
  fcntl(op.fd, F_SETFL, O_NONBLOCK);
  op.result = connect(op.fd, address, op.size) == 0 ? 0 : -errno;
  fcntl(op.fd, F_SETFL, 0);
  return true;
}

void UringReactor::Enqueue(Op& op) {
  op.state = kInKernel;
  if (op.kind == OpKind::kRecv) {
    EnqueueRecv(static_cast<core::RecvOp&>(op));
    return;
  }
  if (ReceivesFromStream(op) && op.drained) PrepareWait(*ring_->NextEntry(/*together=*/2), op);
  io_uring_sqe* entry = ring_->NextEntry();
  Prepare(*entry, op);
  entry->user_data = UserData(op, TagOf(op));
}

bool UringReactor::Retry(Op& op) {
  auto& reactor = static_cast<UringReactor&>(*core::Reactor::Current());
  if (&reactor != this) core::Count(reactor.counters_.migrated);
  if (op.kind != OpKind::kRecv) return reactor.SendInTask(op);
  auto& recv = static_cast<core::RecvOp&>(op);
  if (!core::SomebodyWaits(recv)) {  // it found no buffer while others of it are being sent
    recv.result = core::kCreditUsed;
    return true;
  }
  return reactor.ReadInTask(recv);
}

void UringReactor::PostRetry(Op& op) {
  op.retry = true;
  op.task->Post(op);
}

core::IoResult<int> UringReactor::OpenSocket(int family) {
  // Blocking: the ring waits for it; with O_NONBLOCK it would bring EAGAIN instead.
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return core::IoError(errno);
  return fd;
}

void UringReactor::Close(int fd) {
  io_uring_sqe* entry = ring_->NextEntry();
  io_uring_prep_close(entry, fd);
  entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
  entry->user_data = kTagClose;
}

void UringReactor::CloseNow(int fd) { close(fd); }

void UringReactor::ArmWake() {
  io_uring_sqe* entry = ring_->NextEntry();
  io_uring_prep_poll_multishot(entry, wakeup_.fd(), POLLIN);
  entry->user_data = kTagWake;
}

// A turn that is full of what has been brought before does not ask for more: it would only be
// queued behind that, and each recv among it would hold a buffer until its turn comes. (Of 4,000
// busy connections 5,300 buffers were held then, and every second recv found none; now 700.) Only
// so long: the backlog does not grow by what completes while it is worked off, so that the kernel
// is asked again however much that is.
void UringReactor::Turn(std::optional<core::Duration> timeout, uint32_t limit) {
  core::Count(counters_.turns);
  timeout = GiveOwedWakes(timeout);
  counters_.stocked.store(buffers_in_ring_, std::memory_order_relaxed);
  TakeRemoteCancels();
  FillBufferRing();
  limit = std::max<uint32_t>(limit, 1);
  if (!starved_.empty()) [[unlikely]] {
    bool again = false;
    // Half of the run queue at most: the other half is for what the kernel brings.
    limit -= FeedStarved((limit + 1) / 2, again);
    if (again) timeout = core::Duration::zero();
  }
  counters_.entries.store(ring_->entries(), std::memory_order_relaxed);
  limit = std::max<uint32_t>(limit, 1);
  if (backlog_ >= std::max(limit, kFullTurn)) {
    if (ring_->Submit()) core::Count(counters_.enters);
    TakeAccepts();
    backlog_ -= Reap(limit);
    return;
  }
  if (ring_->has_completion()) timeout = core::Duration::zero();
  const bool sleep = timeout != core::Duration::zero() && wakeup_.BeginSleep();
  if (ring_->Enter(sleep ? timeout : core::Duration::zero())) core::Count(counters_.enters);
  if (sleep) wakeup_.EndSleep();
  if (ring_->completions() > limit) [[unlikely]]
    TakeAccepts();
  limit -= Reap(limit);
  // A queue of connections is emptied faster than by one each turn: turns may be far apart.
  for (uint32_t i = 1; accepts_wait_ && limit > 0 && i < core::kAcceptsPerSubmit; ++i) {
    accepts_wait_ = false;
    if (ring_->Enter(core::Duration::zero())) core::Count(counters_.enters);
    limit -= Reap(limit);
  }
  accepts_wait_ = false;
  backlog_ = ring_->completions();
}

// The rest stays in the ring while the tasks run. Returns how many it has reaped.
uint32_t UringReactor::Reap(uint32_t limit) {
  io_uring_cqe* cqe;
  unsigned head;
  uint32_t count = 0;
  io_uring_for_each_cqe(&ring_->raw(), head, cqe) {
    OnCompletion(cqe->user_data, cqe->res, cqe->flags);
    if (++count == limit) break;
  }
  io_uring_cq_advance(&ring_->raw(), count);
  core::Count(counters_.completions, count);
  return count;
}

void UringReactor::OnCompletion(uint64_t user_data, int32_t result, uint32_t flags) {
  Op* op = reinterpret_cast<Op*>(user_data & ~uint64_t{kTagMask});
  switch (user_data & kTagMask) {
    case kTagOp:
    case kTagAccept:
      break;
    case kTagCancel:
      OnCancel(*op, result);
      return;
    case kTagWake:
      if ((flags & IORING_CQE_F_MORE) == 0) ArmWake();
      return;
    default:
      return;  // a close that failed: the descriptor is gone all the same
  }
  switch (op->kind) {
    case OpKind::kRecv:
      if (static_cast<core::RecvOp&>(*op).polling) {
        OnReadable(static_cast<core::RecvOp&>(*op), result);
      } else {
        OnRecv(static_cast<core::RecvOp&>(*op), result, flags);
      }
      return;
    case OpKind::kAccept:
      OnAccept(static_cast<core::AcceptOp&>(*op), result, flags);
      return;
    case OpKind::kPoll:
      OnPoll(*op, result, flags);
      return;
    case OpKind::kRecvInto:
      op->drained = result > 0 && (flags & IORING_CQE_F_SOCK_NONEMPTY) == 0;
      OnCall(*op, result);
      return;
    case OpKind::kRecvMessage:
      if (ReceiveAgain(*op, result)) return;
      OnCall(*op, result);
      return;
    case OpKind::kRead:
    case OpKind::kOpen:
    case OpKind::kConnect:
      OnCall(*op, result);
      return;
    case OpKind::kWrite:
      if (!op->bulk) {
        OnCall(*op, result);
        return;
      }
      [[fallthrough]];
    case OpKind::kSend:
    case OpKind::kSendMessage:
      OnSend(*op, result, flags);
      return;
  }
}

bool UringReactor::HasCancel(const Op& op) {
  return op.state != kInKernel || op.kernel_refs.load(std::memory_order_acquire) != 1;
}

// A thread of the kernel has made the call, and its wait was cut short by a signal: nothing has
// been moved. The signal is a cancel's, or the kernel's own business: then once more (true).
bool UringReactor::GoesOn(Op& op, int32_t& result) {
  if (!WasInterrupted(result)) [[likely]]
    return false;
  if (!HasCancel(op)) {
    Enqueue(op);
    return true;
  }
  result = -ECANCELED;
  return false;
}

// The kernel cancels by itself what it has no thread for.
void UringReactor::OnCall(Op& op, int32_t result) {
  if (GoesOn(op, result)) return;
  if (result == -ECANCELED && NeedsThread(op) && !HasCancel(op)) result = -EAGAIN;
  End(op, result);
  if (DropRef(op)) op.task->Post(op);
}

// What a poll has found, or its error; nothing while it goes on. io_uring tells of POLLRDHUP,
// wanted or not: a caller that waits for a break, or until it may write, goes on waiting. A poll
// that has what it wanted and is still armed ends by a cancel of our own.
std::optional<int32_t> UringReactor::PollEnd(Op& op, uint32_t events, int32_t result,
                                             uint32_t flags) {
  const uint32_t wanted = events | POLLERR | POLLHUP | POLLNVAL;
  const bool found = result > 0 && (static_cast<uint32_t>(result) & wanted) != 0;
  if ((flags & IORING_CQE_F_MORE) != 0) {
    if (!found || op.result != 0) return std::nullopt;
    op.result = result;
    op.kernel_refs.fetch_add(1, std::memory_order_acq_rel);
    EnqueueCancel(op);
    return std::nullopt;
  }
  if (!found && result >= 0) {
    Enqueue(op);
    return std::nullopt;
  }
  return op.result > 0 ? op.result : result;
}

void UringReactor::OnPoll(Op& op, int32_t result, uint32_t flags) {
  if (result == -ETIME) {  // the pause that it began with
    op.drained = false;
    Enqueue(op);
    return;
  }
  const std::optional<int32_t> end = PollEnd(op, op.events, result, flags);
  if (!end.has_value()) return;
  const auto wanted = static_cast<int32_t>(op.events | POLLERR | POLLHUP | POLLNVAL);
  End(op, *end > 0 ? *end & wanted : *end);
  if (DropRef(op)) op.task->Post(op);
}

// The op's last completion has been seen.
void UringReactor::End(Op& op, int32_t result) {
  op.result = result;
  op.state = kEnded;
}

bool UringReactor::DropRef(Op& op) {
  if (op.kernel_refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return false;
  --in_flight_;
  return true;
}

}  // namespace sluice::iouring
