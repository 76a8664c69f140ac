// The sending half of UringReactor: in the ring if that may be done at once, and else in the task.
//
// The kernel's own waiting would take a thread of it for each send to a peer that has finished
// sending: it is told of POLLRDHUP again and again, and after 128 attempts gives up.
//
//   Submit ──► TRYING, in the ring ── EAGAIN ──► POLLING ── POLLOUT ──► posted: tries in its task
//                    │                             ▲  ▲                   │      │        │
//                    │                             │  └── it is full ─────┘      │        │
//                    │                             └── PAUSING, 10 ms ◄── EAGAIN ┘        │
//                    ▼                                 and yet POLLOUT                    ▼
//                  ENDED ◄──────────────────────────────────────────────────────────── it has sent
//
//   A large send begins in the task: it is made before it is submitted, and is POLLING at once if
//   that brought EAGAIN. POLLING and PAUSING end by a cancel: no byte is on its way then.
//   PAUSING: poll may say that one may send when the kernel is short of memory for sockets, and of
//   a datagram socket whose receiver's queue is full. Nothing tells then when it is of use.
//
// A write to a terminal that takes some bytes is made by the submitter, and without O_NONBLOCK the
// worker would wait inside io_uring_enter until the terminal has taken all. So it gets that flag,
// as on epoll, and the ring waits.

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "core/base/counter.h"
#include "core/net/transfer.h"
#include "core/reactor/op.h"
#include "iouring/uring_entry.h"
#include "iouring/uring_reactor.h"

namespace sluice::iouring {

using core::Op;

// What has positions is no socket and no terminal: files are given an offset, and pay nothing here.
bool PrepareWrite(const core::FileOp& op) {
  struct stat about = {};
  if (op.offset != core::kAtPosition || fstat(op.fd, &about) != 0) return false;
  if (S_ISSOCK(about.st_mode)) return true;
  if (S_ISCHR(about.st_mode) && isatty(op.fd) == 1) {
    int on = 1;
    ioctl(op.fd, FIONBIO, &on);
  }
  return false;
}

// A large send is made while its bytes are in the cache; the call is nothing beside the copy. True:
// done, perhaps in part.
bool UringReactor::SendNow(Op& op) {
  if (!op.task->ConsumeBudget()) return false;
  op.result = op.kind == core::OpKind::kSendMessage
                  ? core::SendMessageNow(op.fd, *static_cast<const msghdr*>(core::DataOf(op)))
                  : core::SendBytes(op.fd, core::DataOf(op), op.size);
  if (op.result > 0) op.task->ConsumeBudgetForBytes(op.result);
  return op.result != -EAGAIN;
}

// It may send now, or others were first. True: done.
bool UringReactor::SendInTask(Op& op) {
  op.result = 0;
  if (SendNow(op)) {
    core::Count(counters_.immediate);
    return true;
  }
  const bool in_vain = op.result == -EAGAIN && core::MaySend(op.fd);
  if (op.cancel_requested) {
    op.result = -ECANCELED;
    return true;
  }
  Track(op);
  if (in_vain) {
    op.polling = true;
    Pause(op);
  } else {
    WaitToSend(op);
  }
  return false;
}

void UringReactor::WaitToSend(Op& op) {
  op.polling = true;
  op.result = 0;  // nothing found yet: see PollEnd
  Enqueue(op);
}

void UringReactor::Pause(Op& op) {
  op.state = kInKernel;
  op.result = 0;
  io_uring_sqe* entry = ring_->NextEntry();
  PreparePause(*entry);
  entry->user_data = UserData(op, kTagOp);
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
  if (result == -ETIME) result = POLLOUT;  // a pause is over
  if (result > 0 && (static_cast<uint32_t>(result) & POLLRDHUP) != 0) op.drained = true;
  const std::optional<int32_t> end = PollEnd(op, POLLOUT, result, flags);
  if (!end.has_value()) return;
  op.polling = false;
  op.retry = *end > 0;
  End(op, *end > 0 ? -ECANCELED : *end);
  if (DropRef(op)) op.task->Post(op);
}

}  // namespace sluice::iouring
