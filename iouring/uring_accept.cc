// The accepting half of UringReactor: one connection at a time, which does not stand in line behind
// everything else that has completed.

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/base/counter.h"
#include "core/reactor/accept_op.h"
#include "iouring/uring_entry.h"
#include "iouring/uring_reactor.h"

namespace sluice::iouring {

// An accept is armed again here, one connection at a time, until its credit is used up or it is
// asked to end (another reference). One that has lost many connections to other workers waits in a
// thread of the kernel, which a signal may cut short. These threads are of one account with those
// of receives that peers keep waiting (Ring): when it is used up, such an accept takes none, and
// the connections are left to the other workers.
void UringReactor::OnAccept(core::AcceptOp& op, int32_t result, uint32_t flags) {
  if (GoesOn(op, result)) return;
  core::Runnable* task = op.task;
  if (result < 0) {
    End(op, result);
    if (DropRef(op)) task->Post(op);
    return;
  }
  auto* accepted = new core::Accepted(op, result);
  if (--op.credit > 0 && op.kernel_refs.load(std::memory_order_acquire) == 1) {
    Enqueue(op);
    accepts_wait_ |= (flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
  } else {
    End(op, 0);
    accepted->last = DropRef(op);
  }
  task->Post(*accepted);
}

// More than a turn's worth has completed: what is armed again completes behind all of it, so that a
// listener would get one connection for each time that all connections have been served. Accepts
// go first instead, as many as fit their credit.
void UringReactor::TakeAccepts() {
  TakeNewAccepts();
  for (uint32_t i = 1; std::exchange(accepts_wait_, false) && i < core::kAcceptsPerSubmit; ++i) {
    if (ring_->Submit()) core::Count(counters_.enters);
    TakeNewAccepts();
  }
}

// Those that have completed since the last look. What is left of one in the ring says nothing.
void UringReactor::TakeNewAccepts() {
  const io_uring_cq& queue = ring_->raw().cq;
  const uint32_t count = ring_->completions();
  const uint32_t end = *queue.khead + count;
  // Where it has come to may have been reaped meanwhile.
  for (uint32_t at = end - std::min(end - scanned_, count); at != end; ++at) {
    io_uring_cqe& entry = queue.cqes[at & queue.ring_mask];
    if ((entry.user_data & kTagMask) != kTagAccept) continue;
    OnCompletion(std::exchange(entry.user_data, kTagClose), entry.res, entry.flags);
  }
  scanned_ = end;
}

}  // namespace sluice::iouring
