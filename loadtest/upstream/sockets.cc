#include "loadtest/upstream/sockets.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice::loadtest {
namespace {

constexpr int kBacklog = 4096;
constexpr uint32_t kSourceAddresses = 8;

void SetInt(int fd, int level, int name, int value) {
  setsockopt(fd, level, name, &value, sizeof(value));
}

// To be called before connect(2) or listen(2): the handshake fixes the window's scale. Accepted
// sockets inherit the sizes.
void SetBuffers(int fd, uint64_t bytes) {
  if (bytes == 0) return;
  SetInt(fd, SOL_SOCKET, SO_SNDBUF, static_cast<int>(bytes));
  SetInt(fd, SOL_SOCKET, SO_RCVBUF, static_cast<int>(bytes));
}

int Close(int fd, int error) {
  close(fd);
  return -error;
}

bool IsLoopback4(const Address& address) {
  if (address.storage.ss_family != AF_INET) return false;
  const auto& inet = reinterpret_cast<const sockaddr_in&>(address.storage);
  return (ntohl(inet.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
}

void BindSource(int fd, uint64_t serial) {
  sockaddr_in source = {};
  source.sin_family = AF_INET;
  source.sin_addr.s_addr =
      htonl(INADDR_LOOPBACK + static_cast<uint32_t>(serial % kSourceAddresses));
  SetInt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  // A failure is no error: the kernel then chooses the address.
  (void)bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof(source));
}

}  // namespace

std::optional<Address> ParseAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  addrinfo hints = {};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), text.c_str() + colon + 1, &hints, &found) != 0) return std::nullopt;
  Address address = {};
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.size = found->ai_addrlen;
  freeaddrinfo(found);
  return address;
}

int Dial(const Address& target, uint64_t serial, uint64_t buffer) {
  const int fd = socket(target.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  SetInt(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SetBuffers(fd, buffer);
  if (IsLoopback4(target)) BindSource(fd, serial);
  const auto* address = reinterpret_cast<const sockaddr*>(&target.storage);
  if (connect(fd, address, target.size) != 0 && errno != EINPROGRESS) return Close(fd, errno);
  return fd;
}

int Listen(const Address& address, uint64_t buffer) {
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  SetInt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  SetBuffers(fd, buffer);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0 ||
      listen(fd, kBacklog) != 0) {
    return Close(fd, errno);
  }
  return fd;
}

int Accept(int listener) {
  const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return -errno;
  SetInt(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  return fd;
}

uint16_t PortOf(int fd) {
  sockaddr_storage storage = {};
  socklen_t size = sizeof(storage);
  getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
  // The port is at the same offset in both families.
  return ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port);
}

int PendingError(int fd) {
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

void RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace sluice::loadtest
