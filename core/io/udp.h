// UdpSocket: datagrams over IP: each is sent and received as a whole, or not at all.
//
//     NetResult<UdpSocket> socket = UdpSocket::Bind(*Address::Parse("127.0.0.1:0"));
//     IoResult<size_t> sent = co_await socket->SendTo(bytes, peer);
//     IoResult<Datagram> got = co_await socket->ReceiveFrom(buffer);     // got->size, got->from
//
// Connected to a peer it receives from that one only, sends with Send, and is told in a later call
// that nothing listens there (ECONNREFUSED).
//
// Cancellation   A receive that is cut short has received nothing, or brings what came; a send has
//                sent nothing, or all.
// Buffers        A receive's may be written by the kernel until the co_await has ended (io_uring),
//                also after a cancellation, which is a request; a send's is read while it runs.
// Close          As of a stream (stream_socket.h): at any time between two awaits, and never while
//                something waits, which is checked. But it is closed at once: its address can be
//                bound again.
//
// Threads: one task at a time; one receive and one send may wait at the same time.
// Checked by: tests/core/io/udp_test.cc (io_uring and epoll).
#ifndef SLUICE_CORE_IO_UDP_H_
#define SLUICE_CORE_IO_UDP_H_

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "core/base/result.h"
#include "core/io/attempt.h"
#include "core/io/net_result.h"
#include "core/io/single_op.h"
#include "core/net/address.h"

namespace sluice::core {

struct Datagram {
  size_t size = 0;         // bytes of it in the buffer
  bool truncated = false;  // it was larger than the buffer: the rest is gone
  Address from;
};

// Made by the reactor (io_uring): a system call less than to wait until there is one.
class [[nodiscard]] DatagramReceive final : private SingleOp<size_t> {
 public:
  DatagramReceive(int fd, std::span<std::byte> bytes, Lane& lane)
      : SingleOp(OpKind::kRecvMessage, fd),
        part_{.iov_base = bytes.data(), .iov_len = bytes.size()},
        lane_(lane) {}
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    lane_.Enter();
    Prepare();
    return SingleOp::await_suspend(handle);
  }
  IoResult<Datagram> await_resume();

 private:
  // From now on it stays where it is.
  void Prepare();

  iovec part_;
  msghdr message_ = {};
  sockaddr_in6 from_;  // or an address of IPv4
  Lane& lane_;
};

class [[nodiscard]] DatagramSend final : public Attempt {
 public:
  // `to`: empty for the peer that it is connected to.
  DatagramSend(int fd, std::span<const std::byte> bytes, const Address& to, Lane& lane);
  IoResult<size_t> await_resume();

 private:
  int32_t Try() override;

  const std::span<const std::byte> bytes_;
  const Address to_;
};

class UdpSocket {
 public:
  UdpSocket() = default;
  UdpSocket(UdpSocket&& other) noexcept
      : fd_(other.Release()), receive_(other.receive_), send_(other.send_) {}
  UdpSocket& operator=(UdpSocket&& other) noexcept;
  ~UdpSocket() { Close(); }

  // Port 0: the kernel chooses one, see local(). Also outside of a task.
  static NetResult<UdpSocket> Bind(const Address& address);

  // Does not wait, and sends nothing.
  IoResult<void> Connect(const Address& peer);

  DatagramReceive ReceiveFrom(std::span<std::byte> bytes) { return {fd_, bytes, receive_}; }
  // EMSGSIZE: it is too large for a datagram.
  DatagramSend SendTo(std::span<const std::byte> bytes, const Address& to) {
    return {fd_, bytes, to, send_};
  }
  DatagramSend Send(std::span<const std::byte> bytes) { return {fd_, bytes, Address(), send_}; }

  void Close();
  NetError Error(std::string_view operation, int error) const;
  Address local() const;
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

 private:
  explicit UdpSocket(int fd) : fd_(fd) {}
  int Release() {
    receive_.CheckIdle();
    send_.CheckIdle();
    return std::exchange(fd_, -1);
  }

  int fd_ = -1;
  Lane receive_;
  Lane send_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_UDP_H_
