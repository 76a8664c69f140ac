// ReadInto, WriteFrom, OpenAt, ReceiveMessage, SendMessage: system calls as awaitables, for any
// descriptor that they take. What files and sockets as objects are made of: core/io/file.h,
// core/io/tcp.h.
//
//     IoResult<int> fd = co_await OpenAt(AT_FDCWD, "/etc/motd", O_RDONLY);
//     IoResult<size_t> got = co_await ReadInto(*fd, bytes, /*offset=*/0);     // 0: the end
//     CurrentReactor().Close(*fd);
//
// Memory         All that they are given (bytes, the path, a message with its parts) is on loan
//                until the co_await has ended, also when it was cut short.
// Cut short      ECANCELED: nothing has been moved or opened. Or it was too late, and they say what
//                they have done. A file's disk is waited for, and on epoll the other end of a named
//                pipe that is being opened.
// Descriptors    One that tells of readiness (a socket, a pipe, a terminal) is to be one that
//                waits. epoll sets O_NONBLOCK itself, and io_uring that of a terminal which is
//                written to.
//
// Broken pipes   A write to a pipe or socket that no one reads is EPIPE, and SIGPIPE unless the
//                program ignores that, as RunMain does; a SendMessage is EPIPE only, and so is a
//                write to a socket on io_uring.
//
// Threads: inside one task. Checked by: tests/contract (file_test, message_test).
#ifndef SLUICE_CORE_IO_READ_WRITE_H_
#define SLUICE_CORE_IO_READ_WRITE_H_

#include <sys/socket.h>
#include <sys/types.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/io/single_op.h"

namespace sluice::core {

// Bytes that one read or write moves at most.
inline constexpr size_t kMostAtOnce = size_t{1} << 30;

class [[nodiscard]] ReadInto : public SingleOp<size_t, FileOp> {
 public:
  ReadInto(int fd, std::span<std::byte> bytes, int64_t offset = kAtPosition)
      : SingleOp(OpKind::kRead, fd) {
    op_.data = bytes.data();
    op_.size = static_cast<uint32_t>(std::min(bytes.size(), kMostAtOnce));
    op_.offset = offset;
  }
};

class [[nodiscard]] WriteFrom : public SingleOp<size_t, FileOp> {
 public:
  WriteFrom(int fd, std::span<const std::byte> bytes, int64_t offset = kAtPosition)
      : SingleOp(OpKind::kWrite, fd) {
    op_.data = bytes.data();
    op_.size = static_cast<uint32_t>(std::min(bytes.size(), kMostAtOnce));
    op_.offset = offset;
  }
};

// A descriptor, close-on-exec, which is the caller's. `directory`: where the path begins, unless it
// begins with '/', or AT_FDCWD.
class [[nodiscard]] OpenAt : public SingleOp<int, FileOp> {
 public:
  OpenAt(int directory, const char* path, int flags, mode_t mode = 0666)
      : SingleOp(OpKind::kOpen, directory) {
    op_.data = path;
    op_.flags = static_cast<uint32_t>(flags);
    op_.mode = mode;
  }
};

class [[nodiscard]] ReceiveMessage : public SingleOp<size_t> {
 public:
  ReceiveMessage(int fd, msghdr& message) : SingleOp(OpKind::kRecvMessage, fd) {
    op_.data = &message;
  }
};

class [[nodiscard]] SendMessage : public SingleOp<size_t> {
 public:
  SendMessage(int fd, const msghdr& message) : SingleOp(OpKind::kSendMessage, fd) {
    op_.data = &message;
  }
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_READ_WRITE_H_
