#include "iouring/uring_entry.h"

#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "core/base/check.h"

namespace sluice::iouring {

using core::OpKind;

// Besides EINTR the kernel's own numbers for "once more" (ERESTARTSYS and its like), which an open
// brings as they are.
bool WasInterrupted(int32_t result) {
  constexpr int32_t kFirstOfKernel = 512;
  constexpr int32_t kLastOfKernel = 516;
  return result == -EINTR || (result <= -kFirstOfKernel && result >= -kLastOfKernel);
}

// What has no positions is polled for. (A timerfd says ECANCELED by itself.)
bool NeedsThread(const core::Op& op) {
  if (op.kind == OpKind::kOpen) return true;
  if (op.kind != OpKind::kRead && op.kind != OpKind::kWrite) return false;
  return core::AsFileOp(op).offset != core::kAtPosition;
}

void PrepareWait(io_uring_sqe& entry, const core::Op& op) {
  io_uring_prep_poll_add(&entry, op.fd, POLLIN | POLLRDHUP);
  entry.flags |= IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
  entry.user_data = UserData(op, kTagOp);
}

void PreparePause(io_uring_sqe& entry) {
  static __kernel_timespec pause = {.tv_sec = 0, .tv_nsec = 10'000'000};  // only read
  io_uring_prep_timeout(&entry, &pause, 0, 0);
}

void Prepare(io_uring_sqe& entry, const core::Op& op) {
  if (SendsToSocket(op) && op.polling) {
    io_uring_prep_poll_add(&entry, op.fd, POLLOUT);
    // Past the POLLRDHUP that has come already; more expensive, as it has to be ended.
    if (op.drained) entry.len = IORING_POLL_ADD_MULTI;
    return;
  }
  switch (op.kind) {
    case OpKind::kSend:
      io_uring_prep_send(&entry, op.fd, core::DataOf(op), op.size, MSG_NOSIGNAL | MSG_DONTWAIT);
      break;
    case OpKind::kAccept:
      // Not IORING_ACCEPT_MULTISHOT: the kernel would empty the whole queue into descriptors, and
      // nothing bounds it. See OnAccept.
      io_uring_prep_accept(&entry, op.fd, nullptr, nullptr, SOCK_CLOEXEC);
      break;
    case OpKind::kConnect:
      io_uring_prep_connect(&entry, op.fd, static_cast<const sockaddr*>(core::DataOf(op)), op.size);
      break;
    case OpKind::kPoll:
      if (op.drained) {
        PreparePause(entry);
        break;
      }
      io_uring_prep_poll_add(&entry, op.fd, op.events);
      // It may have to pass over a POLLRDHUP (see OnPoll), which comes with POLLIN anyway.
      if ((op.events & POLLIN) == 0) entry.len = IORING_POLL_ADD_MULTI;
      break;
    case OpKind::kRead: {
      const core::FileOp& read = core::AsFileOp(op);
      io_uring_prep_read(&entry, op.fd, const_cast<void*>(read.data), op.size,
                         static_cast<uint64_t>(read.offset));
      break;
    }
    case OpKind::kWrite:
      if (op.bulk) {
        io_uring_prep_send(&entry, op.fd, core::DataOf(op), op.size, MSG_NOSIGNAL | MSG_DONTWAIT);
        break;
      }
      io_uring_prep_write(&entry, op.fd, core::DataOf(op), op.size,
                          static_cast<uint64_t>(core::AsFileOp(op).offset));
      break;
    case OpKind::kOpen:
      // By a thread of the kernel: what the submitter itself opens has O_NONBLOCK for that time,
      // and a named pipe would not wait for its other end.
      io_uring_prep_openat(&entry, op.fd, static_cast<const char*>(core::DataOf(op)),
                           static_cast<int>(op.flags) | O_CLOEXEC, core::AsFileOp(op).mode);
      entry.flags |= IOSQE_ASYNC;
      break;
    case OpKind::kRecvMessage:
      io_uring_prep_recvmsg(&entry, op.fd,
                            static_cast<msghdr*>(const_cast<void*>(core::DataOf(op))),
                            MSG_CMSG_CLOEXEC | (ReceivesFromStream(op) ? MSG_DONTWAIT : 0));
      break;
    case OpKind::kSendMessage:
      io_uring_prep_sendmsg(&entry, op.fd, static_cast<const msghdr*>(core::DataOf(op)),
                            MSG_NOSIGNAL | MSG_DONTWAIT);
      break;
    case OpKind::kRecvInto:
      io_uring_prep_recv(&entry, op.fd, const_cast<void*>(core::DataOf(op)), op.size, 0);
      // Do not try before the socket says that there is something.
      if (op.drained) entry.ioprio |= IORING_RECVSEND_POLL_FIRST;
      break;
    case OpKind::kRecv:
      SLUICE_CHECK(false);
  }
}

}  // namespace sluice::iouring
