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

// A poll may promise what the call does not keep: then EAGAIN is the answer, in the end.
constexpr int kMostAttempts = 100;

// By a thread of the pool. A terminal whose other process was faster may hold that thread, and no
// worker. `events`: it is waited for first, unless 0. If the call would wait all the same, for
// another process was faster and has set O_NONBLOCK on the open file that both have, again.
template <typename Call>
Task<IoResult<size_t>> InPool(int fd, uint32_t events, Call call) {
  for (int attempt = 1;; ++attempt) {
    if (events != 0) {
      IoResult<uint32_t> ready = co_await Poll(fd, events);
      if (!ready.ok()) co_return IoError(ready.error());
    }
    Outcome<ssize_t> outcome = co_await RunBlocking([call] {
      for (;;) {
        const ssize_t bytes = call();
        if (bytes >= 0) return bytes;
        if (errno != EINTR) return static_cast<ssize_t>(-errno);
      }
    });
    if (outcome.cancelled()) co_return IoError(ECANCELED);
    if (!outcome.has_value()) co_return IoError(EAGAIN);  // no thread can be started
    if (outcome.value() >= 0) co_return static_cast<size_t>(outcome.value());
    const bool is_too_late = events != 0 && outcome.value() == -EAGAIN && attempt < kMostAttempts;
    if (!is_too_late) co_return IoError(static_cast<int>(-outcome.value()));
  }
}

// All writers of a pipe have left it, or the other end of a terminal is closed.
bool IsHungUp(int fd) {
  pollfd entry = {.fd = fd, .events = 0, .revents = 0};
  return poll(&entry, 1, 0) == 1 && (entry.revents & POLLHUP) != 0;
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
    // What opens a named pipe that no one writes is told of the end of those only who come later.
    if (own_ >= 0 && IsHungUp(fd) && !IsHungUp(own_)) close(std::exchange(own_, -1));
    const Way reopened = S_ISFIFO(about.st_mode) ? Way::kReopened : Way::kTerminal;
    way_ = own_ >= 0 ? reopened : Way::kPollThenPool;
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
  if (IsReopened()) {
    if (way_ == Way::kTerminal) lane_.drained = true;
    co_return co_await DescriptorRead(fd(), DescriptorKind::kNonBlocking, bytes, lane_);
  }
  if (way_ == Way::kSocket) {
    co_return co_await DescriptorRead(fd(), DescriptorKind::kSocket, bytes, lane_);
  }
  const LaneHold hold(lane_);
  bytes = bytes.first(std::min(bytes.size(), kMostAtOnce));
  const uint32_t events = way_ == Way::kPollThenPool ? POLLIN : 0;
  co_return co_await InPool(fd(), events,
                            [fd = fd(), bytes] { return read(fd, bytes.data(), bytes.size()); });
}

Task<IoResult<size_t>> StandardStream::WriteSome(
    std::span<const std::span<const std::byte>> parts) {
  if (IsReopened()) {
    co_return co_await DescriptorWrite(fd(), DescriptorKind::kNonBlocking, parts, lane_);
  }
  if (way_ == Way::kSocket) {
    co_return co_await DescriptorWrite(fd(), DescriptorKind::kSocket, parts, lane_);
  }
  const LaneHold hold(lane_);
  if (way_ == Way::kPollThenPool) {
    const auto first = std::ranges::find_if(parts, [](const auto& part) { return !part.empty(); });
    if (first == parts.end()) co_return size_t{0};
    const std::span<const std::byte> few = first->first(std::min<size_t>(first->size(), PIPE_BUF));
    co_return co_await InPool(fd(), POLLOUT,
                              [fd = fd(), few] { return write(fd, few.data(), few.size()); });
  }
  IoParts all(parts);
  co_return co_await InPool(fd(), 0,
                            [fd = fd(), &all] { return writev(fd, all.data(), all.count()); });
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
