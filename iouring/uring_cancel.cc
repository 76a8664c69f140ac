// The cancelling half of UringReactor: an op and its cancel may meet anywhere on their ways.

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "core/reactor/op.h"
#include "iouring/uring_entry.h"
#include "iouring/uring_reactor.h"

namespace sluice::iouring {

using core::Op;
using core::OpKind;

void UringReactor::Cancel(Op& op) {
  uint32_t refs = op.kernel_refs.load(std::memory_order_acquire);
  do {
    if (refs == 0) return;  // its last completion is on the way
  } while (!op.kernel_refs.compare_exchange_weak(refs, refs + 1, std::memory_order_acq_rel,
                                                 std::memory_order_acquire));
  if (core::Reactor::Current() == this) {
    StartCancel(op);
    return;
  }
  {
    absl::MutexLock lock(&remote_mutex_);
    remote_cancels_.push_back(&op);
    has_remote_cancels_.store(true, std::memory_order_release);
  }
  Wake();
}

void UringReactor::TakeRemoteCancels() {
  if (!has_remote_cancels_.load(std::memory_order_acquire)) return;
  std::vector<Op*> cancels;
  {
    absl::MutexLock lock(&remote_mutex_);
    cancels.swap(remote_cancels_);
    has_remote_cancels_.store(false, std::memory_order_relaxed);
  }
  for (Op* op : cancels) StartCancel(*op);
}

// The reference for this cancel has been taken.
void UringReactor::StartCancel(Op& op) {
  switch (op.state) {
    case kInKernel:
      EnqueueCancel(op);
      return;
    case kStarved:
      Leave(op);
      return;
    case kTold:
    case kLeaving:
    case kEnded:
      break;
  }
  if (DropRef(op)) op.task->Post(op);
}

void UringReactor::EnqueueCancel(Op& op) {
  io_uring_sqe* entry = ring_->NextEntry();
  io_uring_prep_cancel64(entry, UserData(op, TagOf(op)), 0);
  entry->user_data = UserData(op, kTagCancel);
}

// Until the op's own last completion has been seen it may have slipped away from the cancel (it was
// just being run): then once more. One that a thread of the kernel runs (EALREADY) has been told
// and ends when its call has returned: to ask again and again would cost CPU time as long as a disk
// takes. A pause that is just ending brings EALREADY, too, and ends the op as well.
void UringReactor::OnCancel(Op& op, int32_t result) {
  // It had no thread yet; or what is linked with it is to know a cancel from a failure.
  if (result >= 0 && op.state == kInKernel && (NeedsThread(op) || ReceivesFromStream(op))) {
    op.state = kTold;
  }
  if (result == -EALREADY && op.kind >= OpKind::kRead && op.state == kInKernel) {
    op.state = kTold;
    (void)DropRef(op);  // its own is left
    return;
  }
  if (result < 0 && op.state == kInKernel) {
    EnqueueCancel(op);
    return;
  }
  if (op.state == kStarved) {
    Leave(op);
    return;
  }
  if (DropRef(op)) op.task->Post(op);
}

}  // namespace sluice::iouring
