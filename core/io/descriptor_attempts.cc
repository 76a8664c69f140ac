#include "core/io/descriptor_attempts.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "core/base/check.h"
#include "core/io/io_parts.h"
#include "core/io/socket_attempts.h"
#include "core/net/transfer.h"

namespace sluice::core {
namespace {

IoResult<size_t> AsCount(int32_t outcome) {
  if (outcome < 0) return IoError(-outcome);
  return static_cast<size_t>(outcome);
}

int32_t ReadBytes(int fd, std::span<std::byte> bytes) {
  for (;;) {
    const ssize_t count = read(fd, bytes.data(), bytes.size());
    if (count >= 0) return static_cast<int32_t>(count);
    if (errno != EINTR) return -errno;
  }
}

}  // namespace

DescriptorRead::DescriptorRead(int fd, DescriptorKind kind, std::span<std::byte> bytes, Lane& lane)
    : Attempt(fd, POLLIN, lane),
      bytes_(bytes.first(std::min(bytes.size(), kMostAtOnce))),
      kind_(kind) {
  SLUICE_CHECK_USE(fd >= 0, "it is closed");
  SLUICE_CHECK_USE(!bytes.empty(), "a read into no bytes cannot be told from an end: give it some");
}

int32_t DescriptorRead::Try() {
  const int32_t bytes = kind_ == DescriptorKind::kSocket
                            ? ReceiveBytes(fd, bytes_.data(), bytes_.size())
                            : ReadBytes(fd, bytes_);
  if (bytes > 0) {
    task->ConsumeBudgetForBytes(bytes);
    lane().drained = static_cast<size_t>(bytes) < bytes_.size();
  }
  return bytes;
}

IoResult<size_t> DescriptorRead::await_resume() { return AsCount(End()); }

DescriptorWrite::DescriptorWrite(int fd, DescriptorKind kind, std::span<const std::byte> bytes,
                                 Lane& lane)
    : Attempt(fd, POLLOUT, lane), bytes_(bytes), kind_(kind) {
  SLUICE_CHECK_USE(fd >= 0, "it is closed");
}

DescriptorWrite::DescriptorWrite(int fd, DescriptorKind kind, Parts parts, Lane& lane)
    : Attempt(fd, POLLOUT, lane), parts_(parts), kind_(kind) {
  SLUICE_CHECK_USE(fd >= 0, "it is closed");
}

int32_t DescriptorWrite::Try() {
  IoParts parts(parts_.empty() ? Parts(&bytes_, 1) : parts_);
  const msghdr message = parts.Message();
  for (;;) {
    const ssize_t bytes = kind_ == DescriptorKind::kSocket
                              ? sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL)
                              : writev(fd, parts.data(), parts.count());
    if (bytes >= 0) {
      task->ConsumeBudgetForBytes(static_cast<int32_t>(bytes));
      return static_cast<int32_t>(bytes);
    }
    if (errno != EINTR) return -errno;
  }
}

IoResult<size_t> DescriptorWrite::await_resume() { return AsCount(End()); }

void IgnoreBrokenPipes() {
  static const bool once = [] {
    struct sigaction now = {};
    if (sigaction(SIGPIPE, nullptr, &now) == 0 && now.sa_handler == SIG_DFL) {
      std::signal(SIGPIPE, SIG_IGN);
    }
    return true;
  }();
  (void)once;
}

}  // namespace sluice::core
