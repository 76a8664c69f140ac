// TcpStream: a TCP connection; TcpListener: where they arrive.
//
//     NetResult<TcpListener> listener = TcpListener::Bind(*Address::Parse("127.0.0.1:7000"));
//     if (!listener.ok()) co_return Complain(listener.message());
//     while (true) {
//       IoResult<TcpStream> client = co_await listener->Accept();
//       if (client.ok()) {
//         Spawn(Serve(std::move(*client))).Detach();
//       } else if (client.error() == ECANCELED) {
//         co_return 0;
//       } else {
//         co_await Sleep(100ms);      // EMFILE and the like: there will be descriptors again
//       }
//     }
//
// What is promised of reading, writing, cancelling and closing: stream_socket.h. An accept that is
// cut short has taken no connection, or brings it. A listener that is closed, or goes, is closed at
// once: its address can be bound again.
//
// Threads: one task at a time. Checked by: tests/core/io/stream_test.cc,
// tests/core/io/listener_test.cc.
#ifndef SLUICE_CORE_IO_TCP_H_
#define SLUICE_CORE_IO_TCP_H_

#include <string_view>
#include <utility>

#include "core/base/result.h"
#include "core/bytes/async_stream.h"
#include "core/io/halves.h"
#include "core/io/net_result.h"
#include "core/io/stream_socket.h"
#include "core/net/address.h"
#include "core/net/socket_options.h"
#include "core/task/task.h"

namespace sluice::core {

class TcpStream : public StreamSocket {
 public:
  using StreamSocket::StreamSocket;

  // Small messages are sent at once (TCP_NODELAY).
  static Task<NetResult<TcpStream>> Connect(Address address, SocketOptions options = {});

  std::pair<ReadHalf<TcpStream>, WriteHalf<TcpStream>> Split() {
    return {ReadHalf(*this), WriteHalf(*this)};
  }
  std::pair<OwnedReadHalf<TcpStream>, OwnedWriteHalf<TcpStream>> IntoSplit() && {
    return SplitOwned(std::move(*this));
  }

  // ENOENT: no such congestion control.
  IoResult<void> Configure(const SocketOptions& options);
  // False: small messages are gathered while others are on their way.
  IoResult<void> SetNoDelay(bool on);
  bool no_delay() const;

  // Closes with RST: what is unsent is dropped, and the peer sees an error and no end.
  void Reset();
};
static_assert(AsyncStream<TcpStream>);

class TcpListener {
 public:
  TcpListener() = default;
  TcpListener(TcpListener&& other) noexcept : fd_(other.Release()) {}
  TcpListener& operator=(TcpListener&& other) noexcept;
  ~TcpListener() { Close(); }

  // Port 0: the kernel chooses one, see local(). Also outside of a task.
  static NetResult<TcpListener> Bind(const Address& address, const ListenOptions& options = {});

  // Errors (EMFILE, ENFILE, ENOBUFS, ENOMEM) pass: it may be called again.
  SocketAccept<TcpStream> Accept() { return {fd_, lane_}; }

  void Close();
  NetError Error(std::string_view operation, int error) const;
  Address local() const { return LocalAddressOf(fd_); }
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

 private:
  explicit TcpListener(int fd) : fd_(fd) {}
  int Release() {
    lane_.CheckIdle();
    return std::exchange(fd_, -1);
  }

  int fd_ = -1;
  Lane lane_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_TCP_H_
