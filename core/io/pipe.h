// Pipe: a stream of bytes inside the process or to a child: what is written at one end is read at
// the other.
//
//     IoResult<Pipe> pipe = Pipe::Make();                       // EMFILE, ENFILE
//     co_await WriteAll(pipe->writer, bytes);
//     pipe->writer.Close();                                     // the reader comes to an end
//     IoResult<size_t> got = co_await pipe->reader.Read(buffer);   // 0: the end
//
// A write that the reader's end has gone from is EPIPE, no signal: the first pipe of a process has
// SIGPIPE ignored, unless the program has a handler for it.
//
// Cancellation   A read that is cut short has read nothing: the bytes are still in the pipe. A
//                write that is cut short has written nothing.
// Buffers        They are touched only by the task itself, while it runs.
// Close          As of a stream (stream_socket.h): at any time between two awaits, and never while
//                something waits, which is checked.
//
// Threads: an end is one task's at a time; the two ends may be two tasks', on any workers.
// Checked by: tests/core/io/pipe_test.cc (io_uring and epoll).
#ifndef SLUICE_CORE_IO_PIPE_H_
#define SLUICE_CORE_IO_PIPE_H_

#include <cstddef>
#include <span>
#include <utility>

#include "core/base/result.h"
#include "core/bytes/async_stream.h"
#include "core/bytes/done.h"
#include "core/io/descriptor_attempts.h"

namespace sluice::core {

class PipeEnd {
 public:
  void Close();
  bool is_open() const { return fd_ >= 0; }
  // A read or a write of it has begun and not ended.
  bool is_busy() const { return lane_.busy; }
  int fd() const { return fd_; }
  // Hands the descriptor over, which has O_NONBLOCK: the caller closes it. It is closed here.
  int Release() {
    lane_.CheckIdle();
    return std::exchange(fd_, -1);
  }

 protected:
  PipeEnd() = default;
  explicit PipeEnd(int fd) : fd_(fd) {}
  PipeEnd(PipeEnd&& other) noexcept : fd_(other.Release()), lane_(other.lane_) {}
  PipeEnd& operator=(PipeEnd&& other) noexcept;
  ~PipeEnd() { Close(); }

  int fd_ = -1;
  Lane lane_;
};

class PipeReader : public PipeEnd {
 public:
  PipeReader() = default;
  // The reading end of a pipe, with O_NONBLOCK, that the caller hands over.
  explicit PipeReader(int fd) : PipeEnd(fd) {}

  // At least one byte, or 0 at the end. `bytes` is not empty.
  DescriptorRead Read(std::span<std::byte> bytes) {
    return {fd_, DescriptorKind::kNonBlocking, bytes, lane_};
  }
};
static_assert(AsyncRead<PipeReader>);

class PipeWriter : public PipeEnd {
 public:
  PipeWriter() = default;
  // The writing end of a pipe, with O_NONBLOCK, that the caller hands over.
  explicit PipeWriter(int fd) : PipeEnd(fd) { IgnoreBrokenPipes(); }

  // At least one byte, unless `bytes` is empty; perhaps not all.
  DescriptorWrite Write(std::span<const std::byte> bytes) {
    return {fd_, DescriptorKind::kNonBlocking, bytes, lane_};
  }
  // The same for parts that lie apart, one behind the other; at most kMostParts of them.
  DescriptorWrite WriteMany(std::span<const std::span<const std::byte>> parts) {
    return {fd_, DescriptorKind::kNonBlocking, parts, lane_};
  }
  // Closes it: the reader comes to an end.
  Done<IoResult<void>> Shutdown() {
    Close();
    return Done(IoResult<void>());
  }
};
static_assert(AsyncWrite<PipeWriter>);

struct Pipe {
  // Also outside of a task.
  static IoResult<Pipe> Make();

  PipeReader reader;
  PipeWriter writer;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_PIPE_H_
