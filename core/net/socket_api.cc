#include "core/net/socket_api.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/net/local_hosts.h"

namespace sluice::core {
namespace {

bool SetOption(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

// The address of a peer whose connection is gone: getpeername(2) answers no longer, the socket
// still knows it. SO_PEERNAME wants no more room than the address needs.
Address LastPeerAddress(int fd) {
  int family = AF_UNSPEC;
  socklen_t size = sizeof(family);
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0) return Address();
  Address address;
  if (family == AF_UNIX) {  // a client without a name, as nearly all are
    address.any.sa_family = AF_UNIX;
    address.size = sizeof(sa_family_t);
    return address;
  }
  address.size = family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERNAME, &address.any, &address.size) != 0) return Address();
  return address;
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
  const bool is_unix = address.family() == AF_UNIX;
  if (is_unix && address.local.sun_path[0] != '\0') {
    return ListenAtPath(fd, address.local, address.size, options, file);
  }
  if (const int error = is_unix ? 0 : PrepareTcp(fd, address, options)) return error;
  if (bind(fd, &address.any, address.size) != 0) return errno;
  return listen(fd, options.backlog) == 0 ? 0 : errno;
}

}  // namespace

Address::Address(const sockaddr* address, socklen_t length) : Address() {
  SLUICE_CHECK(length <= sizeof(local));
  std::memcpy(&local, address, length);
  size = length;
}

std::string Address::ToString() const {
  char text[INET6_ADDRSTRLEN];
  switch (family()) {
    case AF_INET:
      inet_ntop(AF_INET, &ipv4.sin_addr, text, sizeof(text));
      return absl::StrCat(text, ":", ntohs(ipv4.sin_port));
    case AF_INET6:
      inet_ntop(AF_INET6, &ipv6.sin6_addr, text, sizeof(text));
      return absl::StrCat("[", text, "]:", ntohs(ipv6.sin6_port));
    case AF_UNIX: {
      const size_t length = size - offsetof(sockaddr_un, sun_path);
      if (size <= offsetof(sockaddr_un, sun_path)) return "unix:";
      if (local.sun_path[0] == '\0') {
        return absl::StrCat("unix:@", std::string(local.sun_path + 1, length - 1));
      }
      return absl::StrCat("unix:", std::string(local.sun_path, strnlen(local.sun_path, length)));
    }
    default:
      return "?";
  }
}

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
  if (bind(fd, &address.any, address.size) != 0) return IoError(errno);
  return {};
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

// A connection that is gone (TCP_CLOSE) has no peer any more. A UNIX socket keeps its own.
PeerState SocketApi::GetPeerState(int fd) {
  Address address;
  address.size = sizeof(address.local);
  const bool gone = getpeername(fd, &address.any, &address.size) != 0 && errno == ENOTCONN;
  return gone ? PeerState::kReset : PeerState::kOpen;
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
  Address address;
  address.size = sizeof(address.local);
  if (getsockname(fd, &address.any, &address.size) != 0) return Address();
  return address;
}

Address SocketApi::PeerAddress(int fd) {
  Address address;
  address.size = sizeof(address.local);
  if (getpeername(fd, &address.any, &address.size) != 0) return LastPeerAddress(fd);
  return address;
}

}  // namespace sluice::core
