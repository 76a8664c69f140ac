// The part of EpollReactor that reads and writes into the caller's memory: what tells of readiness
// by trying, files by threads that may wait.

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/check.h"
#include "core/net/transfer.h"
#include "core/reactor/blocking_calls.h"
#include "core/reactor/recv_now.h"
#include "epoll/epoll_entry.h"
#include "epoll/epoll_reactor.h"

namespace sluice::epoll {
namespace {

using core::Op;
using core::OpKind;

// A sender's address at most, and one piece of memory.
bool IsPlain(const msghdr& message) {
  return message.msg_control == nullptr && message.msg_iovlen == 1;
}

}  // namespace

// Of a pipe, a socket, a terminal: with O_NONBLOCK (WaitsForDisk). How many bytes came does not
// tell whether more are there, or more would be taken: that depends on what it is.
EpollReactor::Attempt EpollReactor::PerformReadWrite(Op& op) {
  op.result = core::CallFor(core::AsFileOp(op));
  if (op.result == -EAGAIN) return Attempt::kNotReady;
  if (op.result > 0) op.task->ConsumeBudgetForBytes(op.result);
  table_->at(op.fd).directions[DirectionOf(op)].Set();
  return Attempt::kDone;
}

// Where it is drained, an edge will tell of more.
EpollReactor::Attempt EpollReactor::PerformRecvInto(Op& op) {
  if (!core::RecvIntoNow(op)) return Attempt::kNotReady;
  if (!op.drained) table_->at(op.fd).directions[kIn].Set();
  return Attempt::kDone;
}

EpollReactor::Attempt EpollReactor::PerformMessage(Op& op) {
  auto* const message = static_cast<msghdr*>(const_cast<void*>(core::DataOf(op)));
  if (op.kind == OpKind::kSendMessage) {
    op.result = core::SendMessageNow(op.fd, *message);
  } else if (op.flags == core::kDatagrams && IsPlain(*message)) {
    op.result = core::ReceiveDatagramNow(op.fd, *message);
  } else {
    op.result = core::ReceiveMessageNow(op.fd, *message);
  }
  if (op.result == -EAGAIN) return Attempt::kNotReady;
  if (op.result > 0) op.task->ConsumeBudgetForBytes(op.result);
  table_->at(op.fd).directions[DirectionOf(op)].Set();
  return Attempt::kDone;
}

// Whether the op is one that a thread makes: an open, and what reads or writes a file. What tells
// of readiness instead gets O_NONBLOCK, once.
bool EpollReactor::WaitsForDisk(const Op& op) {
  if (op.kind == OpKind::kOpen) return true;
  if (op.kind == OpKind::kRecvMessage || op.kind == OpKind::kSendMessage) return false;
  Descriptor& descriptor = table_->at(op.fd);
  FileType type = descriptor.type.load(std::memory_order_relaxed);
  if (type == FileType::kUnknown) {
    struct stat about = {};
    // What is not open or is no file of a kind that is known (an eventfd) says so by itself.
    const bool known = fstat(op.fd, &about) == 0 && (about.st_mode & S_IFMT) != 0;
    const bool stream = !known || S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode) ||
                        (S_ISCHR(about.st_mode) && isatty(op.fd) == 1);
    type = stream ? FileType::kStream : FileType::kFile;
    int on = 1;
    if (stream) ioctl(op.fd, FIONBIO, &on);
    descriptor.type.store(type, std::memory_order_relaxed);
  }
  return type == FileType::kFile;
}

// Begins the call, or ends the op when it has been made (true).
bool EpollReactor::AdvanceCall(Op& op) {
  if (op.state == kCalled) {
    --waiting_;
    op.state = kPosted;
    return true;
  }
  op.result = -ECANCELED;
  if (op.cancel_requested) return true;
  SLUICE_CHECK_USE(blocking_calls_ != nullptr, "files need a Runtime");
  op.state = kCalled;
  ++waiting_;
  if (blocking_calls_->Begin(op)) return false;
  --waiting_;
  op.state = kPosted;
  op.result = -EAGAIN;  // there is no thread
  return true;
}

}  // namespace sluice::epoll
