#include "core/io/socket_attempts.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "core/base/check.h"
#include "core/io/io_parts.h"

namespace sluice::core {
namespace {

IoResult<size_t> AsCount(int32_t outcome) {
  if (outcome < 0) return IoError(-outcome);
  return static_cast<size_t>(outcome);
}

}  // namespace

SocketWriteMany::SocketWriteMany(int fd, std::span<const std::span<const std::byte>> parts,
                                 Lane& lane)
    : Attempt(fd, POLLOUT, lane), parts_(parts) {}

int32_t SocketWriteMany::Try() {
  IoParts parts(parts_);
  const msghdr message = parts.Message();
  for (;;) {
    const ssize_t bytes = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (bytes >= 0) {
      task->ConsumeBudgetForBytes(static_cast<int32_t>(bytes));
      return static_cast<int32_t>(bytes);
    }
    if (errno != EINTR) return -errno;
  }
}

IoResult<size_t> SocketWriteMany::await_resume() { return AsCount(End()); }

AcceptAttempt::AcceptAttempt(int fd, Lane& lane) : Attempt(fd, POLLIN, lane) {}

// The connection is one that waits when the reactor is asked to (io_uring wants it so); epoll's
// calls do not wait whatever it is.
int32_t AcceptAttempt::Try() {
  for (;;) {
    const int connection = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection >= 0) return connection;
    if (errno != EINTR && errno != ECONNABORTED) return -errno;
  }
}

}  // namespace sluice::core
