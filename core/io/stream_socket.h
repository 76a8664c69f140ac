// StreamSocket: what TcpStream and UnixStream have in common: a connected descriptor that is owned.
//
//     NetResult<TcpStream> stream = co_await TcpStream::Connect(address);
//     if (!stream.ok()) co_return Complain(stream.message());     // "connect 127.0.0.1:81: ..."
//     IoResult<size_t> got = co_await stream->Read(bytes);        // 0: the end
//     if (!got.ok()) co_return Complain(stream->Error("read", got.error()).message());
//
//   CLOSED ── Connect, Accept, Pair, or a descriptor that is handed over ──► OPEN
//     ▲                                                                       │
//     └──────────── destructor, Close, Reset, moved from, Release ────────────┘
//
// Cancellation   A read that is cut short has read nothing (ECANCELED): the bytes are still in the
//                kernel, and the next read brings them. Or they came first, and it brings them. A
//                write says likewise how much it has written. A connect that is cut short has
//                closed its descriptor.
// Buffers        The kernel may use them until the co_await has ended (io_uring), also after a
//                cancellation, which is a request; then they are the caller's again.
// Close          Between two awaits nothing is in flight, so a stream can be moved and closed at
//                any such time, and no co_await is needed for that. It is an error, and checked, to
//                do either while a read or a write waits: cut that short first, and await its end.
//                A parameter of a spawned coroutine lives as long as its frame, and that as long
//                as a JoinHandle is held: move it into a local variable, or Close it, if the peer
//                is to see the end before.
// Directions     One read and one write may wait at the same time, in one task (Join). Split lends
//                the two directions to two functions of one task; IntoSplit gives them to two
//                tasks, and the descriptor is closed when both have gone (halves.h).
// Idle           A stream is 8 bytes. One that waits in Read holds the awaiter (about 100 bytes in
//                the frame), the buffer that it was given, and a poll in the kernel. Who waits for
//                many idle connections reads into few bytes, or waits for Readable() first and then
//                takes a buffer.
//
// It is closed by the reactor of the worker that runs the task, on io_uring with the worker's next
// turn, and outside of any task at once. A task of another runtime than the one that has waited on
// it, and that still runs, does not close it (core/reactor/descriptor_notes.h).
//
// Threads: one task at a time; peer() and local() any. Checked by: tests/core/io/stream_test.cc,
// tests/core/io/stream_cancel_test.cc, tests/core/io/halves_test.cc (io_uring and epoll).
#ifndef SLUICE_CORE_IO_STREAM_SOCKET_H_
#define SLUICE_CORE_IO_STREAM_SOCKET_H_

#include <poll.h>

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "core/base/result.h"
#include "core/bytes/done.h"
#include "core/io/attempt.h"
#include "core/io/net_result.h"
#include "core/io/poll.h"
#include "core/io/socket_attempts.h"
#include "core/net/address.h"

namespace sluice::core {

// Closes it by the reactor of the current worker, if there is one, else at once.
void CloseDescriptor(int fd);
// The same, and it is closed when this returns: its address can be bound again.
void CloseDescriptorNow(int fd);
Address LocalAddressOf(int fd);

class StreamSocket {
 public:
  StreamSocket() = default;
  // A connected stream socket that the caller hands over, as socket(2) and accept(2) make one: with
  // O_NONBLOCK a write would bring EAGAIN (io_uring).
  explicit StreamSocket(int fd) : fd_(fd) {}
  StreamSocket(StreamSocket&& other) noexcept
      : fd_(other.Release()), read_(other.read_), write_(other.write_) {}
  StreamSocket& operator=(StreamSocket&& other) noexcept {
    if (this == &other) return *this;
    Close();
    fd_ = other.Release();
    read_ = other.read_;
    write_ = other.write_;
    return *this;
  }
  ~StreamSocket() { Close(); }

  // At least one byte, or 0 at the end. `bytes` is not empty.
  SocketRead Read(std::span<std::byte> bytes) { return SocketRead(fd_, bytes, read_); }
  // At least one byte, unless `bytes` is empty; perhaps not all. An end that the peer does not read
  // any more is EPIPE, no signal.
  SocketWrite Write(std::span<const std::byte> bytes) { return SocketWrite(fd_, bytes, write_); }
  // The same for parts that lie apart, one behind the other; at most kMostParts of them.
  SocketWriteMany WriteMany(std::span<const std::span<const std::byte>> parts) {
    return SocketWriteMany(fd_, parts, write_);
  }
  // `IoResult<uint32_t> events = co_await stream.Readable();` There are bytes, or an end.
  Poll Readable() { return Poll(fd_, POLLIN); }

  // The peer reads an end behind what has been written; reading goes on.
  Done<IoResult<void>> Shutdown();

  void Close();

  // What failed where; `operation` is a literal: "read 127.0.0.1:80: Connection reset by peer".
  NetError Error(std::string_view operation, int error) const;

  Address local() const;
  Address peer() const;

  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  // Hands the descriptor over: the caller closes it (CloseDescriptor). It is closed here.
  int Release() {
    read_.CheckIdle();
    write_.CheckIdle();
    return std::exchange(fd_, -1);
  }

 private:
  int fd_ = -1;
  Lane read_;
  Lane write_;
};
static_assert(sizeof(StreamSocket) == 8);

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_STREAM_SOCKET_H_
