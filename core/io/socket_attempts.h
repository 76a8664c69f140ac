// What can be waited for on a stream socket and a listening one: a read, a write, a write of
// several parts, a connection. They are what TcpStream::Read and the like return, to be awaited.
#ifndef SLUICE_CORE_IO_SOCKET_ATTEMPTS_H_
#define SLUICE_CORE_IO_SOCKET_ATTEMPTS_H_

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/base/result.h"
#include "core/io/attempt.h"
#include "core/io/read_write.h"
#include "core/io/send.h"

namespace sluice::core {

// Parts that one WriteMany takes at most; what lies behind them is not looked at.
inline constexpr size_t kMostParts = 16;

// A read, and a write of one part, are made by the reactor, which may queue them with others'
// (io_uring): the memory is on loan to the kernel until the co_await has ended. One that is
// cancelled has moved nothing, or brings what it has moved.
class [[nodiscard]] SocketRead final : private SingleOp<size_t> {
 public:
  SocketRead(int fd, std::span<std::byte> bytes, Lane& lane)
      : SingleOp(OpKind::kRecvInto, fd), lane_(lane) {
    SLUICE_CHECK_USE(!bytes.empty(),
                     "a read into no bytes cannot be told from an end: give it some");
    op_.data = bytes.data();
    op_.size = static_cast<uint32_t>(std::min(bytes.size(), kMostAtOnce));
    op_.drained = lane.drained;
  }
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    lane_.Enter();
    return SingleOp::await_suspend(handle);
  }
  IoResult<size_t> await_resume() {
    lane_.Leave();
    lane_.drained = op_.drained;
    return SingleOp::await_resume();
  }

 private:
  Lane& lane_;
};

class [[nodiscard]] SocketWrite final : private Send {
 public:
  SocketWrite(int fd, std::span<const std::byte> bytes, Lane& lane)
      : Send(fd, bytes.first(std::min(bytes.size(), kMostAtOnce))), lane_(lane) {}
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    lane_.Enter();
    return Send::await_suspend(handle);
  }
  IoResult<size_t> await_resume() {
    lane_.Leave();
    return Send::await_resume();
  }

 private:
  Lane& lane_;
};

class [[nodiscard]] SocketWriteMany final : public Attempt {
 public:
  SocketWriteMany(int fd, std::span<const std::span<const std::byte>> parts, Lane& lane);
  IoResult<size_t> await_resume();

 private:
  int32_t Try() override;

  const std::span<const std::span<const std::byte>> parts_;
};

class AcceptAttempt : public Attempt {
 protected:
  AcceptAttempt(int fd, Lane& lane);
  ~AcceptAttempt() = default;

 private:
  int32_t Try() final;
};

template <typename Stream>
class [[nodiscard]] SocketAccept final : public AcceptAttempt {
 public:
  SocketAccept(int fd, Lane& lane) : AcceptAttempt(fd, lane) {}
  IoResult<Stream> await_resume() {
    const int32_t outcome = End();
    if (outcome < 0) return IoError(-outcome);
    return Stream(outcome);
  }
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_SOCKET_ATTEMPTS_H_
