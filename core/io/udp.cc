#include "core/io/udp.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/io/stream_socket.h"
#include "core/net/transfer.h"

namespace sluice::core {

void DatagramReceive::Prepare() {
  message_.msg_name = &from_;
  message_.msg_namelen = sizeof(from_);
  message_.msg_iov = &part_;
  message_.msg_iovlen = 1;
  op_.data = &message_;
  op_.flags = kDatagrams;
}

IoResult<Datagram> DatagramReceive::await_resume() {
  lane_.Leave();
  IoResult<size_t> got = SingleOp::await_resume();
  if (!got.ok()) return IoError(got.error());
  return Datagram{.size = *got,
                  .truncated = (message_.msg_flags & MSG_TRUNC) != 0,
                  .from = Address(reinterpret_cast<const sockaddr*>(&from_), message_.msg_namelen)};
}

DatagramSend::DatagramSend(int fd, std::span<const std::byte> bytes, const Address& to, Lane& lane)
    : Attempt(fd, POLLOUT, lane), bytes_(bytes), to_(to) {}

int32_t DatagramSend::Try() {
  if (to_.is_empty()) return SendBytes(fd, bytes_.data(), bytes_.size());
  return SendBytes(fd, bytes_.data(), bytes_.size(), to_.get(), to_.size());
}

IoResult<size_t> DatagramSend::await_resume() {
  const int32_t outcome = End();
  if (outcome < 0) return IoError(-outcome);
  return static_cast<size_t>(outcome);
}

UdpSocket& UdpSocket::operator=(UdpSocket&& other) noexcept {
  if (this == &other) return *this;
  Close();
  fd_ = other.Release();
  receive_ = other.receive_;
  send_ = other.send_;
  return *this;
}

NetResult<UdpSocket> UdpSocket::Bind(const Address& address) {
  if (!address.is_ip()) return NetError{"bind", address, EAFNOSUPPORT};
  const int fd = socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return NetError{"bind", address, errno};
  if (bind(fd, address.get(), address.size()) != 0) {
    const int error = errno;
    close(fd);
    return NetError{"bind", address, error};
  }
  return UdpSocket(fd);
}

IoResult<void> UdpSocket::Connect(const Address& peer) {
  if (connect(fd_, peer.get(), peer.size()) != 0) return IoError(errno);
  return {};
}

void UdpSocket::Close() {
  if (const int fd = Release(); fd >= 0) CloseDescriptorNow(fd);
}

NetError UdpSocket::Error(std::string_view operation, int error) const {
  return NetError{operation, local(), error};
}

Address UdpSocket::local() const { return LocalAddressOf(fd_); }

}  // namespace sluice::core
