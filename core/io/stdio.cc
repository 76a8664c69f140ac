#include "core/io/stdio.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "core/io/descriptor_attempts.h"
#include "core/io/io_parts.h"
#include "core/io/open_once_more.h"
#include "core/io/poll.h"
#include "core/io/stream_socket.h"
#include "core/runtime/blocking_pool.h"
#include "core/task/outcome.h"

namespace sluice::core {
namespace {

// Bytes or a negative errno, from a thread of the pool. A terminal whose other process was faster
// may hold that thread, and no worker.
template <typename Call>
Task<IoResult<size_t>> InPool(Call call) {
  Outcome<ssize_t> outcome = co_await RunBlocking([call] {
    for (;;) {
      const ssize_t bytes = call();
      if (bytes >= 0) return bytes;
      if (errno != EINTR) return static_cast<ssize_t>(-errno);
    }
  });
  if (outcome.cancelled()) co_return IoError(ECANCELED);
  if (!outcome.has_value()) co_return IoError(EAGAIN);  // no thread can be started
  if (outcome.value() < 0) co_return IoError(static_cast<int>(-outcome.value()));
  co_return static_cast<size_t>(outcome.value());
}

struct LaneHold {
  explicit LaneHold(Lane& held) : lane(held) { lane.Enter(); }
  LaneHold(const LaneHold&) = delete;
  LaneHold& operator=(const LaneHold&) = delete;
  ~LaneHold() { lane.Leave(); }
  Lane& lane;
};

}  // namespace

StandardStream::StandardStream(int fd, int access) : fd_(fd) {
  struct stat about = {};
  if (fstat(fd, &about) != 0) return;  // the calls say why
  if (S_ISSOCK(about.st_mode)) {
    way_ = Way::kSocket;
  } else if (IsPipeOrTerminal(fd, about)) {
    own_ = OpenOnceMore(fd, access);
    way_ = own_ >= 0 ? Way::kReopened : Way::kPollThenPool;
  }
  // A descriptor has one wait in each direction: other objects have copies of their own.
  if (way_ == Way::kSocket || way_ == Way::kPollThenPool) own_ = fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

StandardStream& StandardStream::operator=(StandardStream&& other) noexcept {
  if (this == &other) return *this;
  other.lane_.CheckIdle();
  Close();
  fd_ = other.fd_;
  own_ = std::exchange(other.own_, -1);
  way_ = std::exchange(other.way_, Way::kPool);
  return *this;
}

void StandardStream::Close() {
  lane_.CheckIdle();
  if (own_ >= 0) CloseDescriptor(std::exchange(own_, -1));
}

Task<IoResult<size_t>> StandardStream::ReadSome(std::span<std::byte> bytes) {
  if (way_ == Way::kReopened) {
    co_return co_await DescriptorRead(fd(), DescriptorKind::kNonBlocking, bytes, lane_);
  }
  if (way_ == Way::kSocket) {
    co_return co_await DescriptorRead(fd(), DescriptorKind::kSocket, bytes, lane_);
  }
  const LaneHold hold(lane_);
  if (way_ == Way::kPollThenPool) {
    IoResult<uint32_t> ready = co_await Poll(fd(), POLLIN);
    if (!ready.ok()) co_return IoError(ready.error());
  }
  bytes = bytes.first(std::min(bytes.size(), kMostAtOnce));
  co_return co_await InPool([fd = fd(), bytes] { return read(fd, bytes.data(), bytes.size()); });
}

Task<IoResult<size_t>> StandardStream::WriteSome(
    std::span<const std::span<const std::byte>> parts) {
  if (way_ == Way::kReopened) {
    co_return co_await DescriptorWrite(fd(), DescriptorKind::kNonBlocking, parts, lane_);
  }
  if (way_ == Way::kSocket) {
    co_return co_await DescriptorWrite(fd(), DescriptorKind::kSocket, parts, lane_);
  }
  const LaneHold hold(lane_);
  if (way_ == Way::kPollThenPool) {
    const auto first = std::ranges::find_if(parts, [](const auto& part) { return !part.empty(); });
    if (first == parts.end()) co_return size_t{0};
    IoResult<uint32_t> ready = co_await Poll(fd(), POLLOUT);
    if (!ready.ok()) co_return IoError(ready.error());
    const std::span<const std::byte> few = first->first(std::min<size_t>(first->size(), PIPE_BUF));
    co_return co_await InPool([fd = fd(), few] { return write(fd, few.data(), few.size()); });
  }
  IoParts all(parts);
  co_return co_await InPool([fd = fd(), &all] { return writev(fd, all.data(), all.count()); });
}

Stdin::Stdin() : Stdin(STDIN_FILENO) {}
Stdin::Stdin(int fd) : StandardStream(fd, O_RDONLY) {}

StandardWriter::StandardWriter(int fd) : StandardStream(fd, O_WRONLY) { IgnoreBrokenPipes(); }

Task<IoResult<size_t>> StandardWriter::Write(std::span<const std::byte> bytes) {
  const std::array<std::span<const std::byte>, 1> parts = {bytes};
  co_return co_await WriteSome(parts);
}

Stdout::Stdout() : StandardWriter(STDOUT_FILENO) {}
Stderr::Stderr() : StandardWriter(STDERR_FILENO) {}

}  // namespace sluice::core
