// UnixStream: a connection through a UNIX socket; UnixListener: where they arrive, with the file of
// its address.
//
//     NetResult<UnixListener> listener = UnixListener::Bind(*Address::Parse("unix:/run/door"));
//     IoResult<UnixStream> client = co_await listener->Accept();
//
//     NetResult<UnixStream> stream = co_await UnixStream::Connect(address);
//
// A stale file is replaced, one that is in use is EADDRINUSE (core/net/socket_file.h), and the file
// goes with the listener, which is closed at once. A connect does not wait: EAGAIN says that
// the listener's queue has no free slot. All else is as in tcp.h and stream_socket.h.
//
// Threads: one task at a time. Checked by: tests/core/io/stream_test.cc,
// tests/core/io/listener_test.cc.
#ifndef SLUICE_CORE_IO_UNIX_H_
#define SLUICE_CORE_IO_UNIX_H_

#include <string_view>
#include <utility>

#include "core/base/result.h"
#include "core/bytes/async_stream.h"
#include "core/io/halves.h"
#include "core/io/net_result.h"
#include "core/io/stream_socket.h"
#include "core/net/address.h"
#include "core/net/socket_file.h"
#include "core/net/socket_options.h"
#include "core/task/task.h"

namespace sluice::core {

class UnixStream : public StreamSocket {
 public:
  using StreamSocket::StreamSocket;

  static Task<NetResult<UnixStream>> Connect(Address address);
  // Two that are connected with each other.
  static NetResult<std::pair<UnixStream, UnixStream>> Pair();

  std::pair<ReadHalf<UnixStream>, WriteHalf<UnixStream>> Split() {
    return {ReadHalf(*this), WriteHalf(*this)};
  }
  std::pair<OwnedReadHalf<UnixStream>, OwnedWriteHalf<UnixStream>> IntoSplit() && {
    return SplitOwned(std::move(*this));
  }
};
static_assert(AsyncStream<UnixStream>);

class UnixListener {
 public:
  UnixListener() = default;
  UnixListener(UnixListener&& other) noexcept
      : fd_(other.Release()), file_(std::exchange(other.file_, {})) {}
  UnixListener& operator=(UnixListener&& other) noexcept;
  ~UnixListener() { Close(); }

  // Also outside of a task.
  static NetResult<UnixListener> Bind(const Address& address, const ListenOptions& options = {});

  // Errors (EMFILE, ENFILE, ENOBUFS, ENOMEM) pass: it may be called again.
  SocketAccept<UnixStream> Accept() { return {fd_, lane_}; }

  void Close();  // and removes the file
  NetError Error(std::string_view operation, int error) const;
  Address local() const { return LocalAddressOf(fd_); }
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

 private:
  UnixListener(int fd, SocketFile file) : fd_(fd), file_(std::move(file)) {}
  int Release() {
    lane_.CheckIdle();
    return std::exchange(fd_, -1);
  }

  int fd_ = -1;
  Lane lane_;
  SocketFile file_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_UNIX_H_
