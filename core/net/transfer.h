// ReceiveBytes, SendBytes, ReceiveMessageNow, ReceiveDatagramNow and SendMessageNow: recv(2) and
// its like, which do not wait; MaySend: what poll(2) says of a send, which is not always what the
// send says.
//
// Made with syscall(2): in a process with more than one thread the C library's own functions are
// cancellation points, which cost two locked instructions and a function call each; for a small
// message that is felt. Again after EINTR. The result is a count of bytes (0: end of stream, when
// receiving) or a negative errno. Any thread.
#ifndef SLUICE_CORE_NET_TRANSFER_H_
#define SLUICE_CORE_NET_TRANSFER_H_

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace sluice::core {

inline int32_t ReceiveBytes(int fd, void* data, size_t size) {
  for (;;) {
    const long bytes = syscall(SYS_recvfrom, fd, data, size, MSG_DONTWAIT, nullptr, nullptr);
    if (bytes >= 0) return static_cast<int32_t>(bytes);
    if (errno != EINTR) return -errno;
  }
}

// `to`: of a datagram from a socket that is not connected.
inline int32_t SendBytes(int fd, const void* data, size_t size, const sockaddr* to = nullptr,
                         socklen_t to_size = 0) {
  for (;;) {
    const long bytes =
        syscall(SYS_sendto, fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, to, to_size);
    if (bytes >= 0) return static_cast<int32_t>(bytes);
    if (errno != EINTR) return -errno;
  }
}

inline int32_t ReceiveMessageNow(int fd, msghdr& message) {
  for (;;) {
    const long bytes = syscall(SYS_recvmsg, fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (bytes >= 0) return static_cast<int32_t>(bytes);
    if (errno != EINTR) return -errno;
  }
}

// The same of a datagram into one piece of memory, without control data: recvfrom(2) has less to
// look at.
inline int32_t ReceiveDatagramNow(int fd, msghdr& message) {
  const iovec& room = *message.msg_iov;
  for (;;) {
    socklen_t length = message.msg_namelen;
    const long bytes = syscall(SYS_recvfrom, fd, room.iov_base, room.iov_len,
                               MSG_DONTWAIT | MSG_TRUNC, message.msg_name, &length);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return -errno;
    message.msg_namelen = message.msg_name == nullptr ? 0 : length;
    const bool is_cut = static_cast<size_t>(bytes) > room.iov_len;
    message.msg_flags = is_cut ? MSG_TRUNC : 0;
    return static_cast<int32_t>(is_cut ? room.iov_len : static_cast<size_t>(bytes));
  }
}

inline int32_t SendMessageNow(int fd, const msghdr& message) {
  for (;;) {
    const long bytes = syscall(SYS_sendmsg, fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (bytes >= 0) return static_cast<int32_t>(bytes);
    if (errno != EINTR) return -errno;
  }
}

inline bool MaySend(int fd) {
  pollfd entry = {.fd = fd, .events = POLLOUT, .revents = 0};
  return poll(&entry, 1, 0) > 0 && (entry.revents & POLLOUT) != 0;
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_NET_TRANSFER_H_
