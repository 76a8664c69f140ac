#include "core/net/socket_api.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/net/local_hosts.h"

namespace sluice::core {
namespace {

bool SetOption(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

// The address of a peer whose connection is gone: getpeername(2) answers no longer, the socket
// still knows it. SO_PEERNAME takes no size larger than the address has.
Address LastPeerAddress(int fd) {
  int family = AF_UNSPEC;
  socklen_t size = sizeof(family);
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0) return Address();
  if (family == AF_UNIX) {  // a client without a name, as nearly all are
    const sockaddr unnamed = {.sa_family = AF_UNIX, .sa_data = {}};
    return Address(&unnamed, sizeof(sa_family_t));
  }
  return Address::From([fd, family](sockaddr* address, socklen_t* length) {
    *length = family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
    return getsockopt(fd, SOL_SOCKET, SO_PEERNAME, address, length);
  });
}

// Leaves 0 to the kernel.
bool SetUnlessZero(int fd, int level, int option, int value) {
  return value == 0 || SetOption(fd, level, option, value);
}

// In the kernel's unit of that option.
template <typename Unit>
bool SetTimeUnlessZero(int fd, int option, Duration value) {
  const auto count = std::chrono::ceil<Unit>(value).count();
  return SetUnlessZero(fd, IPPROTO_TCP, option, static_cast<int>(count));
}

int SetOptions(int fd, const SocketOptions& options) {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  const bool ok = SetUnlessZero(fd, SOL_SOCKET, SO_RCVBUF, options.receive_buffer) &&
                  SetUnlessZero(fd, SOL_SOCKET, SO_SNDBUF, options.send_buffer) &&
                  SetUnlessZero(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, options.notsent_lowat) &&
                  SetUnlessZero(fd, SOL_SOCKET, SO_KEEPALIVE, options.keepalive > 0s) &&
                  SetTimeUnlessZero<seconds>(fd, TCP_KEEPIDLE, options.keepalive) &&
                  SetTimeUnlessZero<seconds>(fd, TCP_KEEPINTVL, options.keepalive_interval) &&
                  SetUnlessZero(fd, IPPROTO_TCP, TCP_KEEPCNT, options.keepalive_probes) &&
                  SetTimeUnlessZero<milliseconds>(fd, TCP_USER_TIMEOUT, options.user_timeout);
  if (!ok) return errno;
  if (options.congestion.empty()) return 0;
  return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, options.congestion.data(),
                    static_cast<socklen_t>(options.congestion.size())) == 0
             ? 0
             : errno;
}

int PrepareTcp(int fd, const Address& address, const ListenOptions& options) {
  if (!SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)) return errno;
  if (!SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1)) return errno;
  if (!SetOption(fd, SOL_SOCKET, SO_OOBINLINE, 1)) return errno;
  if (address.family() == AF_INET6 &&
      !SetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, options.ipv6_only ? 1 : 0)) {
    return errno;
  }
  if (!SetTimeUnlessZero<std::chrono::seconds>(fd, TCP_DEFER_ACCEPT, options.defer_accept) ||
      !SetUnlessZero(fd, IPPROTO_TCP, TCP_FASTOPEN, options.fast_open)) {
    return errno;
  }
  return SetOptions(fd, options.connection);
}

int BindAndListen(int fd, const Address& address, const ListenOptions& options, SocketFile& file) {
  if (address.has_path()) return ListenAtPath(fd, address, options, file);
  if (const int error = address.is_unix() ? 0 : PrepareTcp(fd, address, options)) return error;
  if (bind(fd, address.get(), address.size()) != 0) return errno;
  return listen(fd, options.backlog) == 0 ? 0 : errno;
}

}  // namespace

IoResult<int> SocketApi::Listen(const Address& address, const ListenOptions& options,
                                SocketFile& file) {
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return IoError(errno);
  if (const int error = BindAndListen(fd, address, options, file)) {
    close(fd);
    return IoError(error);
  }
  return fd;
}

IoResult<int> SocketApi::Duplicate(int fd) {
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return IoError(errno);
  return copy;
}

IoResult<int> SocketApi::AcceptNow(int fd) {
  int on = 1;
  if (ioctl(fd, FIONBIO, &on) != 0) return IoError(errno);
  const int connection = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
  if (connection < 0) return IoError(errno);
  return connection;
}

// TCP tells how long the queue of a listening socket is, where a connection's unacknowledged
// segments are told.
size_t SocketApi::WaitingConnections(int fd, size_t most) {
  tcp_info info;
  socklen_t size = sizeof(info);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return most;
  return std::min<size_t>(info.tcpi_unacked, most);
}

IoResult<void> SocketApi::ShutdownWrite(int fd) {
  if (shutdown(fd, SHUT_WR) != 0) return IoError(errno);
  return {};
}

void SocketApi::PrepareStream(int fd) {
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(fd, SOL_SOCKET, SO_OOBINLINE, 1);
}

IoResult<void> SocketApi::Configure(int fd, const SocketOptions& options) {
  if (const int error = SetOptions(fd, options)) return IoError(error);
  return {};
}

IoResult<void> SocketApi::BindSource(int fd, const Address& address) {
  if (!SetOption(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)) return IoError(errno);
  if (bind(fd, address.get(), address.size()) != 0) return IoError(errno);
  return {};
}

IoResult<void> SocketApi::BindForeign(int fd, const Address& address) {
  const bool is_set = address.family() == AF_INET6
                          ? SetOption(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
                          : SetOption(fd, IPPROTO_IP, IP_TRANSPARENT, 1);
  if (!is_set) return IoError(errno);
  return BindSource(fd, address);
}

void SocketApi::SetResetOnClose(int fd) {
  const linger reset = {.l_onoff = 1, .l_linger = 0};
  if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) == 0) return;
  // Where that is not allowed: at once, or the close would show a clean end.
  const sockaddr no_peer = {.sa_family = AF_UNSPEC, .sa_data = {}};
  // NOLINTNEXTLINE(bugprone-unused-return-value): the last try
  (void)connect(fd, &no_peer, sizeof(no_peer));
}

size_t SocketApi::UnreadBytes(int fd) {
  int bytes = 0;
  return ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0 ? static_cast<size_t>(bytes) : 0;
}

// As long as there are bytes, recv(2) brings those and no error.
size_t SocketApi::ReadNow(int fd, std::span<std::byte> bytes) {
  if (UnreadBytes(fd) == 0) return 0;
  const ssize_t read = recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
  return read > 0 ? static_cast<size_t>(read) : 0;
}

IoResult<size_t> SocketApi::PeekNow(int fd, std::span<std::byte> bytes) {
  const ssize_t seen = recv(fd, bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
  if (seen < 0) return IoError(errno);
  return static_cast<size_t>(seen);
}

// A connection that is gone (TCP_CLOSE) has no peer any more. A UNIX socket keeps its own. Any
// other error is none of the connection's: memory, or a sandbox.
PeerState SocketApi::GetPeerState(int fd) {
  sockaddr peer;
  socklen_t size = sizeof(peer);
  if (getpeername(fd, &peer, &size) == 0) return PeerState::kOpen;
  if (errno == ENOTCONN) return PeerState::kReset;
  tcp_info info;
  socklen_t info_size = sizeof(info);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &info_size) != 0) return PeerState::kUnknown;
  return info.tcpi_state == TCP_CLOSE ? PeerState::kReset : PeerState::kOpen;
}

int SocketApi::TakeError(int fd) {
  int error = 0;
  socklen_t size = sizeof(error);
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : 0;
}

PathQuality SocketApi::GetPathQuality(int fd) {
  tcp_info info;
  socklen_t size = sizeof(info);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return PathQuality();
  return {.known = true, .rtt_us = info.tcpi_rtt, .retransmits = info.tcpi_total_retrans};
}

void SocketApi::RemoveSocketFile(const SocketFile& file) { RemoveFile(file); }

bool SocketApi::IsLocal(const Address& address) { return IsLocalHost(address); }

Address SocketApi::LocalAddress(int fd) {
  return Address::From(
      [fd](sockaddr* address, socklen_t* size) { return getsockname(fd, address, size); });
}

Address SocketApi::PeerAddress(int fd) {
  const Address address =
      Address::From([fd](sockaddr* peer, socklen_t* size) { return getpeername(fd, peer, size); });
  return address.is_empty() ? LastPeerAddress(fd) : address;
}

}  // namespace sluice::core
