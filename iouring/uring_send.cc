// The sending half of UringReactor: in the ring if that may be done at once, and else in the task.

#include <poll.h>

#include <cerrno>
#include <optional>

#include "core/base/counter.h"
#include "core/net/transfer.h"
#include "core/reactor/op.h"
#include "iouring/uring_reactor.h"

namespace sluice::iouring {

using core::Op;

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
  WaitToSend(op);
  return false;
}

void UringReactor::WaitToSend(Op& op) {
  op.polling = true;
  op.result = 0;  // nothing found yet: see PollEnd
  Enqueue(op);
}

void UringReactor::OnSend(Op& op, int32_t result, uint32_t flags) {
  if (op.polling) {
    OnWritable(op, result, flags);
    return;
  }
  if (result == -EAGAIN) {
    WaitToSend(op);
    return;
  }
  End(op, result);
  if (DropRef(op)) op.task->Post(op);
}

// A send that had to wait may go on: its task does it. With a cancel under way it ends instead.
void UringReactor::OnWritable(Op& op, int32_t result, uint32_t flags) {
  if (result > 0 && (static_cast<uint32_t>(result) & POLLRDHUP) != 0) op.drained = true;
  const std::optional<int32_t> end = PollEnd(op, POLLOUT, result, flags);
  if (!end.has_value()) return;
  op.polling = false;
  op.retry = *end > 0;
  End(op, *end > 0 ? -ECANCELED : *end);
  if (DropRef(op)) op.task->Post(op);
}

}  // namespace sluice::iouring
