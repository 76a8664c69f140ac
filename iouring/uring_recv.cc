// The receiving half of UringReactor: multishot recvs into the buffer ring, bulk mode, and the
// ring's stock of buffers.

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/check.h"
#include "core/recv_now.h"
#include "iouring/abi.h"
#include "iouring/uring_entry.h"
#include "iouring/uring_reactor.h"

namespace sluice::iouring {
namespace {

using core::Op;

// After 32 buffers in one go the kernel takes a break, and may then miss a reset behind the bytes.
constexpr size_t kBuffersPerRecv = 16;

}  // namespace

void UringReactor::EnqueueRecv(core::RecvOp& op) {
  io_uring_sqe* entry = ring_->NextEntry();
  if (op.polling) {
    io_uring_prep_poll_add(entry, op.fd, POLLIN | POLLRDHUP);
    entry->user_data = UserData(op, kTagOp);
    return;
  }
  if (features_.recv_credit) {
    // Never by polling first: when bytes and behind them a reset (or, of a UNIX socket, the end)
    // are there already, the kernel (6.17, 6.18) tells the bytes and then waits for more for ever.
    io_uring_prep_recv_multishot(entry, op.fd, nullptr, 0, 0);
    const auto most = static_cast<uint32_t>(kBuffersPerRecv * pool_.buffer_size());
    SetRecvCredit(*entry, std::min(op.credit, most));
  } else {
    io_uring_prep_recv(entry, op.fd, nullptr, pool_.buffer_size(), 0);
    // Drained last time: do not try before the socket says that there is something.
    if (op.drained) entry->ioprio |= IORING_RECVSEND_POLL_FIRST;
  }
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = kBufferGroup;
  entry->user_data = UserData(op, kTagOp);
}

void UringReactor::OnRecv(core::RecvOp& op, int32_t result, uint32_t flags) {
  const bool more = (flags & IORING_CQE_F_MORE) != 0;
  core::Buffer* buffer = nullptr;
  if ((flags & IORING_CQE_F_BUFFER) != 0) {
    buffer = &pool_.at(flags >> IORING_CQE_BUFFER_SHIFT);
    SLUICE_DCHECK(buffer->in_ring);
    buffer->in_ring = false;
    pool_.Touch(*buffer);
    --buffers_in_ring_;
  }
  if (result > 0) {
    SLUICE_DCHECK(buffer != nullptr);  // bytes come in buffers of the ring
    op.drained = (flags & IORING_CQE_F_SOCK_NONEMPTY) == 0;
    op.bulk = pool_.large() != nullptr && static_cast<uint32_t>(result) == buffer->capacity;
    buffer->size = static_cast<uint32_t>(result);
    core::Count(counters_.recvs);
    core::Count(counters_.received, buffer->size);
    buffer->receiver = &op;
    buffer->last = false;
    core::Runnable* task = op.task;
    if (more) {
      op.credit -= std::min(op.credit - 1, buffer->size);  // for a next time after a dry pool
    } else {
      End(op, core::kCreditUsed);
      buffer->last = DropRef(op);
    }
    task->Post(*buffer);
    return;
  }
  if (buffer != nullptr) pool_.Release(buffer, /*owner=*/true);
  if (more) return;
  if (result == -ENOBUFS) {
    core::Count(counters_.dry);
    op.place = kStarved;
    starved_.Push(op);
    ran_dry_ = true;
    pool_.SetWanted(true);
    return;
  }
  End(op, result);
  if (DropRef(op)) op.task->Post(op);
}

// Bulk mode: reads in the task, into a large buffer that is hot; the ring only says when. True:
// done.
bool UringReactor::AdvanceBulk(core::RecvOp& op) {
  switch (core::RecvNow(op, pool_, counters_)) {
    case core::RecvNowResult::kDone:
      core::Count(counters_.immediate);
      return true;
    case core::RecvNowResult::kNotReady:
      break;
    case core::RecvNowResult::kNoBuffer:
      op.bulk = false;
      break;
  }
  if (op.cancel_requested) {
    op.result = -ECANCELED;
    return true;
  }
  Track(op);
  op.polling = op.bulk;
  Enqueue(op);
  return false;
}

// A recv in bulk mode may read now: its task does it. With a cancel under way it ends instead.
void UringReactor::OnReadable(core::RecvOp& op, int32_t result) {
  op.polling = false;
  End(op, result < 0 ? result : -ECANCELED);
  if (!DropRef(op)) return;
  op.retry = result >= 0;
  op.task->Post(op);
}

// Keeps `buffers_wanted_` buffers with the kernel: few, so that they stay in the cache. A ring that
// ran dry doubles them, once for all recvs that found none in this turn.
void UringReactor::FillBufferRing() {
  fewest_in_ring_ = std::min(fewest_in_ring_, buffers_in_ring_);
  if (std::exchange(ran_dry_, false)) {
    buffers_wanted_ = std::min({buffers_wanted_ * 2, size_t{kBufferEntries}, pool_.count()});
  }
  while (buffers_in_ring_ < buffers_wanted_) {
    core::Buffer* buffer = pool_.Take();
    if (buffer == nullptr) break;
    buffer->in_ring = true;
    ring_->AddBuffer(*buffer);
    ++buffers_in_ring_;
  }
  ring_->PublishBuffers();
}

// Recvs that found no buffer go back to the kernel, as many as there are buffers.
void UringReactor::FeedStarved() {
  size_t room = buffers_in_ring_;
  while (room-- > 0 && !starved_.empty()) {
    Enqueue(static_cast<Op&>(*starved_.Pop()));
  }
  if (starved_.empty()) pool_.SetWanted(false);
}

// Half of the ring is given up when that half was never needed since the last call. Its memory is
// given up when it went round less than once: a busy ring would only fault it in again. The buffers
// that the kernel holds are empty as long as nothing waits to be reaped: with deferred task work it
// fills one only while this worker is inside Enter.
void UringReactor::Trim() {
  pool_.Trim();
  if (std::exchange(fewest_in_ring_, buffers_wanted_) > buffers_wanted_ / 2) {
    buffers_wanted_ = std::max(buffers_wanted_ / 2, std::min(kBuffersAtStart, pool_.count()));
  }
  const uint64_t recvs = counters_.recvs.load(std::memory_order_relaxed);
  const bool idle = recvs - std::exchange(recvs_at_trim_, recvs) < buffers_in_ring_;
  if (!idle || ring_->has_completion()) return;
  for (size_t i = 0; i < pool_.count(); ++i) {
    if (pool_.at(i).in_ring) pool_.Forget(pool_.at(i));
  }
}

}  // namespace sluice::iouring
