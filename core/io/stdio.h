// Stdin, Stdout, Stderr: the three descriptors that every program begins with.
//
//     Stdin in;
//     BufReader reader(in);
//     while (true) {
//       auto line = co_await reader.Line(/*most=*/4096);
//       if (!line.ok() || !*line) break;
//     }
//     Stdout out;
//     co_await WriteAll(out, bytes);
//
// What they are is found out once, when the object is made:
//
//   a terminal, a pipe    opened once more (/proc/self/fd/N), with O_NONBLOCK, and waited for by
//                         the reactor. That flag belongs to an open file, which the shell and
//                         others share: it is set on the one of our own, and theirs stays as it is.
//                         A terminal is waited for before each read: one with VMIN=0 and VTIME=0
//                         brings 0 while there is nothing, which is no end
//   a socket              a descriptor of our own, so that several objects may wait; each call says
//                         that it does not wait
//   all else: a file,     the calls are made by the blocking pool. Also a terminal or a pipe that
//   /dev/null             cannot be opened once more (it is another user's, or the end of a
//                         terminal that an emulator has), or not any more (a named pipe that all
//                         writers have left: the new open file would not be told of the end): then
//                         it is waited for first, and a write is so small that it seldom waits.
//                         When it does, because others write there, too, or the terminal has been
//                         stopped, that holds a thread of the pool and no worker
//
// Nothing is kept back in memory: what Write has taken is in the kernel. What was written by
// std::printf is not, before a flush.
//
// Cancellation   A read or a write that is cut short has moved nothing, or says how much: a call
//                that a thread of the pool has begun is waited for, and its bytes are handed on.
// Shutdown       Does nothing: the descriptor is the process's.
//
// A write that no one reads any more is EPIPE, no signal (core/io/pipe.h). Threads: one task at a
// time. Two objects of one kind share what comes, as two processes would.
// Checked by: tests/core/io/stdio_test.cc (io_uring and epoll).
#ifndef SLUICE_CORE_IO_STDIO_H_
#define SLUICE_CORE_IO_STDIO_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "core/base/result.h"
#include "core/bytes/async_stream.h"
#include "core/bytes/done.h"
#include "core/io/attempt.h"
#include "core/task/task.h"

namespace sluice::core {

// What the three have in common: a descriptor of the process's.
class StandardStream {
 protected:
  enum class Way : uint8_t {
    kReopened,  // own_ has O_NONBLOCK
    kTerminal,  // the same; a read waits first
    kSocket,
    kPool,
    kPollThenPool,
  };

  // `access`: O_RDONLY or O_WRONLY.
  StandardStream(int fd, int access);
  StandardStream(StandardStream&& other) noexcept
      : fd_(other.fd_),
        own_(std::exchange(other.own_, -1)),
        way_(std::exchange(other.way_, Way::kPool)) {
    other.lane_.CheckIdle();
  }
  StandardStream& operator=(StandardStream&& other) noexcept;
  ~StandardStream() { Close(); }

  Task<IoResult<size_t>> ReadSome(std::span<std::byte> bytes);
  Task<IoResult<size_t>> WriteSome(std::span<const std::span<const std::byte>> parts);

 private:
  void Close();
  int fd() const { return own_ >= 0 ? own_ : fd_; }
  bool IsReopened() const { return way_ == Way::kReopened || way_ == Way::kTerminal; }

  int fd_;
  int own_ = -1;  // opened once more, or a copy
  Way way_ = Way::kPool;
  Lane lane_;
};

class Stdin : private StandardStream {
 public:
  Stdin();
  // Another descriptor, which stays the caller's and open as long as this.
  explicit Stdin(int fd);

  // At least one byte, or 0 at the end. `bytes` is not empty.
  Task<IoResult<size_t>> Read(std::span<std::byte> bytes) { return ReadSome(bytes); }
};
static_assert(AsyncRead<Stdin>);

class StandardWriter : private StandardStream {
 public:
  // At least one byte, unless `bytes` is empty; perhaps not all.
  Task<IoResult<size_t>> Write(std::span<const std::byte> bytes);
  // The same for parts that lie apart, one behind the other.
  Task<IoResult<size_t>> WriteMany(std::span<const std::span<const std::byte>> parts) {
    return WriteSome(parts);
  }
  Done<IoResult<void>> Shutdown() { return Done(IoResult<void>()); }

 protected:
  explicit StandardWriter(int fd);
  ~StandardWriter() = default;
  StandardWriter(StandardWriter&&) noexcept = default;
  StandardWriter& operator=(StandardWriter&&) noexcept = default;
};

class Stdout final : public StandardWriter {
 public:
  Stdout();
  // Another descriptor, which stays the caller's and open as long as this.
  explicit Stdout(int fd) : StandardWriter(fd) {}
};
static_assert(AsyncWrite<Stdout>);

class Stderr final : public StandardWriter {
 public:
  Stderr();
};
static_assert(AsyncWrite<Stderr>);

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_STDIO_H_
