// The receiving half of UringReactor: multishot recvs into the buffer ring, reading in the task,
// and the ring's stock of buffers.

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/base/check.h"
#include "core/base/counter.h"
#include "core/reactor/recv_now.h"
#include "iouring/abi.h"
#include "iouring/uring_entry.h"
#include "iouring/uring_reactor.h"

namespace sluice::iouring {
namespace {

using core::Op;

// What a recv may bring while its reader is busy sending: with the buffer that is being sent the
// most that a direction holds. Small messages are gathered (RecvOp::Deliver), so that it is so many
// buffers too. (With two, 2,000 slow readers held 1.8 times what they cost HAProxy, and no size of
// message gained by it.)
constexpr size_t kBuffersPerRecv = 1;

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
    const size_t buffers = pool_.pressed() ? 1 : kBuffersPerRecv;
    const auto most = static_cast<uint32_t>(buffers * pool_.buffer_size());
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
    buffer = &TakeFromRing(flags >> IORING_CQE_BUFFER_SHIFT);
    pool_.Touch(*buffer);
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
      op.credit -= std::min(op.credit - 1, buffer->size);  // for the next exhausted pool
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
    was_exhausted_ = true;
    Starve(op);
    return;
  }
  if (GoesOn(op, result)) return;
  End(op, result);
  if (DropRef(op)) op.task->Post(op);
}

core::Buffer& UringReactor::TakeFromRing(uint32_t id) {
  core::Buffer* buffer = std::exchange(in_ring_[id], nullptr);
  SLUICE_DCHECK(buffer != nullptr);
  free_ids_.push_back(static_cast<uint16_t>(id));
  --buffers_in_ring_;
  return *buffer;
}

// Reads in the task, into a buffer that is hot; the ring only says when. True: done.
bool UringReactor::ReadInTask(core::RecvOp& op) {
  const core::RecvNowResult result = core::RecvNow(op, pool_, counters_);
  if (result == core::RecvNowResult::kDone) {
    core::Count(counters_.immediate);
    return true;
  }
  if (op.cancel_requested) {
    op.result = -ECANCELED;
    return true;
  }
  Track(op);
  if (result == core::RecvNowResult::kNoBuffer) {
    op.bulk = false;
    Starve(op);
    return false;
  }
  op.polling = op.bulk || ReadsFrugally();
  Enqueue(op);
  return false;
}

// A receive into much memory, of a socket that may have left something behind the last time: it is
// made at once, without a turn of the ring. True: done.
bool UringReactor::ReceiveNow(Op& op) { return op.task->ConsumeBudget() && core::RecvIntoNow(op); }

// A recv in bulk mode may read now: its task does it. With a cancel under way it ends instead.
void UringReactor::OnReadable(core::RecvOp& op, int32_t result) {
  op.polling = false;
  End(op, result < 0 ? result : -ECANCELED);
  if (!DropRef(op)) return;
  op.retry = result >= 0;
  op.task->Post(op);
}

// Keeps `buffers_wanted_` buffers with the kernel: few, so that they stay in the cache. A ring that
// was exhausted doubles them, once for all recvs that found none in this turn. It takes no more
// than leaves half of the pool: what it stocks must not be what makes buffers short.
void UringReactor::FillBufferRing() {
  fewest_in_ring_ = std::min(fewest_in_ring_, buffers_in_ring_);
  if (std::exchange(was_exhausted_, false) && !pool_.pressed()) {
    buffers_wanted_ = std::min(buffers_wanted_ * 2, in_ring_.size());
  }
  const size_t half = std::max<size_t>(pool_.count() / 2, 1);
  while (buffers_in_ring_ < buffers_wanted_ && pool_.taken() < half) {
    core::Buffer* buffer = pool_.Take();
    if (buffer == nullptr) break;
    const uint16_t id = free_ids_.back();
    free_ids_.pop_back();
    in_ring_[id] = buffer;
    ring_->AddBuffer(*buffer, id);
    ++buffers_in_ring_;
  }
  ring_->PublishBuffers();
}

void UringReactor::Starve(Op& op) {
  core::Count(counters_.starved);
  op.state = kStarved;
  starved_.Push(op);
}

// A cancel of a starved op: the next turn lets go of it, for it may be deep in the queue.
void UringReactor::Leave(Op& op) {
  op.state = kLeaving;
  leaving_ = true;
}

// Those that were cancelled while they were starved: one walk for all. True: there were some.
bool UringReactor::LetGoOfLeaving() {
  if (!std::exchange(leaving_, false)) return false;
  core::NodeQueue stay;
  while (!starved_.empty()) {
    auto& op = static_cast<Op&>(*starved_.Pop());
    if (op.state != kLeaving) {
      stay.Push(op);
      continue;
    }
    End(op, -ECANCELED);
    (void)DropRef(op);  // its own; the cancel's is the last
    if (DropRef(op)) op.task->Post(op);
  }
  starved_ = stay;
  return true;
}

// Recvs that found no buffer read in their tasks, at most `limit` of them in this turn and as many
// as there are buffers outside of the ring; when there is none, they go back to the kernel, as many
// as the ring has. The reading comes first: the data is there, and of the buffers that count as in
// the ring the kernel may have filled all, whose completions are still to be reaped. (Sent back
// instead, each recv found the ring empty 2.4 times under 9,000 busy connections.) More than
// `limit` would overflow the run queue, where those that come later would pass them. Returns how
// many have been posted; sets `again` if there is still an op to feed.
uint32_t UringReactor::FeedStarved(uint32_t limit, bool& again) {
  again = LetGoOfLeaving();
  const core::BufferReserve* reserve = pool_.reserve();
  pool_.CollectRemote();
  size_t elsewhere = pool_.count() - pool_.taken();
  if (reserve != nullptr) elsewhere += reserve->count() - reserve->taken();
  uint32_t posted = 0;
  for (; posted < limit && elsewhere > 0 && !starved_.empty(); --elsewhere) {
    auto& op = static_cast<Op&>(*starved_.Pop());
    End(op, -ECANCELED);  // what it says if a cancel is under way
    if (DropRef(op)) PostRetry(op);
    ++posted;
  }
  if (elsewhere == 0) {
    for (size_t in_ring = buffers_in_ring_; in_ring > 0 && !starved_.empty(); --in_ring) {
      Enqueue(static_cast<Op&>(*starved_.Pop()));
    }
  }
  // There is no buffer for those that are left: the next one to come back wakes this worker.
  pool_.SetWanted(!starved_.empty() && elsewhere == 0);
  again |= posted > 0 || (!starved_.empty() && (elsewhere > 0 || pool_.has_free()));
  return posted;
}

// Half of the ring is given up when that half was never needed since the last call. Its memory is
// given up when it went round less than once: a busy ring would only fault it in again. The buffers
// that the kernel holds are empty as long as nothing waits to be reaped: with deferred task work it
// fills one only while this worker is inside Enter. Not so before 6.17: a recv that a thread of the
// kernel makes (Ring) has taken its buffer, and may fill it just now, which is told at the next
// Enter. Then the memory stays.
void UringReactor::Trim() {
  pool_.Trim();
  if (std::exchange(fewest_in_ring_, buffers_wanted_) > buffers_wanted_ / 2) {
    buffers_wanted_ = std::max(buffers_wanted_ / 2, std::min(kBuffersAtStart, in_ring_.size()));
  }
  const uint64_t recvs = counters_.recvs.load(std::memory_order_relaxed);
  const bool idle = recvs - std::exchange(recvs_at_trim_, recvs) < buffers_in_ring_;
  if (!idle || ring_->has_completion()) return;
  size_t left = core::BufferPool::kTrimAtOnce;
  for (core::Buffer* buffer : in_ring_) {
    if (buffer == nullptr || !buffer->touched) continue;
    if (!features_.recv_credit) {
      pool_.Keep(*buffer);  // OnRecv touches it again
      continue;
    }
    pool_.Forget(*buffer);
    if (--left == 0) return;
  }
}

}  // namespace sluice::iouring
