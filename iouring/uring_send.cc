// The sending half of UringReactor: in the ring if that may be done at once, and else in the task.

#include <poll.h>

#include <cerrno>

#include "core/base/counter.h"
#include "core/net/transfer.h"
#include "core/reactor/op.h"
#include "iouring/uring_reactor.h"

namespace sluice::iouring {
namespace {

using core::Op;

constexpr uint32_t kWritable = POLLOUT | POLLERR | POLLHUP | POLLNVAL;

}  // namespace

// A large send is made while its bytes are in the cache; the call is nothing beside the copy. True:
// done, perhaps in part.
bool UringReactor::SendNow(Op& op) {
  if (!op.task->ConsumeBudget()) return false;
  op.result = core::SendBytes(op.fd, core::DataOf(op), op.size);
  if (op.result > 0) op.task->ConsumeBudgetForBytes(op.result);
  return op.result != -EAGAIN;
}

// It may send now, or others were first. True: done.
bool UringReactor::SendInTask(Op& op) {
  if (SendNow(op)) {
    core::Count(counters_.immediate);
    return true;
  }
  if (op.cancel_requested) {
    op.result = -ECANCELED;
    return true;
  }
  Track(op);
  op.polling = true;
  Enqueue(op);
  return false;
}

void UringReactor::OnSend(Op& op, int32_t result, uint32_t flags) {
  if (op.polling) {
    OnWritable(op, result, flags);
    return;
  }
  if (result == -EAGAIN) {
    op.polling = true;
    Enqueue(op);
    return;
  }
  End(op, result);
  if (DropRef(op)) op.task->Post(op);
}

// A send that had to wait may go on: its task does it. The peer's end (POLLRDHUP) is not what it
// waits for: it waits once more, past that, by a poll that is ended by a cancel of our own.
void UringReactor::OnWritable(Op& op, int32_t result, uint32_t flags) {
  const bool found = result > 0 && (static_cast<uint32_t>(result) & kWritable) != 0;
  if ((flags & IORING_CQE_F_MORE) != 0) {
    if (!found || op.retry) return;
    op.retry = true;
    op.kernel_refs.fetch_add(1, std::memory_order_acq_rel);
    EnqueueCancel(op);
    return;
  }
  if (!found && result >= 0 && !op.retry) {
    op.drained = true;
    Enqueue(op);
    return;
  }
  op.retry = op.retry || found;
  op.polling = false;
  End(op, result < 0 ? result : -ECANCELED);
  if (DropRef(op)) op.task->Post(op);
}

}  // namespace sluice::iouring
