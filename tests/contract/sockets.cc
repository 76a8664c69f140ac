#include "tests/contract/sockets.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "core/base/check.h"
#include "core/sched/worker.h"

namespace sluice::contract {
namespace {

using core::Address;

void WaitUntil(int fd, short events) {
  pollfd entry = {.fd = fd, .events = events, .revents = 0};
  while (poll(&entry, 1, -1) < 0) SLUICE_CHECK(errno == EINTR);
}

core::Reactor& Here() { return core::Worker::Current()->reactor(); }

}  // namespace

void Fd::Close() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

void CloseHere(int fd) { Here().Close(fd); }

void SetBlocking(int fd, bool blocking) {
  const int flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

void SetBufferSizes(int fd, int bytes) {
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

Address Loopback(int port) {
  return Address::Ipv4({.s_addr = htonl(INADDR_LOOPBACK)}, static_cast<uint16_t>(port));
}

Address Loopback6(int port) { return Address::Ipv6(in6addr_loopback, static_cast<uint16_t>(port)); }

Address AbstractName() {
  static std::atomic<int> count{0};
  return Address::UnixAbstract(absl::StrCat("sluice-contract-", getpid(), "-", count.fetch_add(1)));
}

Address AddressOf(int fd) { return core::SocketApi().LocalAddress(fd); }

Fd ListenPlain(int backlog) {
  core::IoResult<int> fd = core::SocketApi().Listen(Loopback(), {.backlog = backlog});
  SLUICE_CHECK(fd.ok());
  return Fd(*fd);
}

Fd ConnectPlain(const Address& address) {
  Fd fd(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  SLUICE_CHECK(fd.ok());
  SLUICE_CHECK(connect(fd.get(), address.get(), address.size()) == 0);
  return fd;
}

Fd AcceptPlain(int listener) {
  for (;;) {
    WaitUntil(listener, POLLIN);
    Fd fd(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd.ok()) return fd;
    SLUICE_CHECK(errno == EAGAIN || errno == ECONNABORTED || errno == EINTR);
  }
}

int PairListener() {
  static const Fd listener = ListenPlain(1024);
  return listener.get();
}

Pair::~Pair() {
  if (peer.ok()) core::SocketApi().SetResetOnClose(peer.get());
}

Pair ConnectTcp() {
  static absl::Mutex mutex;  // several workers connect
  absl::MutexLock lock(&mutex);
  const Address address = AddressOf(PairListener());
  core::IoResult<int> ours = Here().OpenSocket(AF_INET);
  SLUICE_CHECK(ours.ok());
  if (connect(*ours, address.get(), address.size()) != 0) {
    SLUICE_CHECK(errno == EINPROGRESS);
    WaitUntil(*ours, POLLOUT);
  }
  for (;;) {  // a stranger may have found the port
    Fd peer = AcceptPlain(PairListener());
    if (Here().PeerAddress(peer.get()).ToString() == AddressOf(*ours).ToString()) {
      return Pair(*ours, std::move(peer));
    }
  }
}

Pair ConnectUnix() {
  core::IoResult<int> ours = Here().OpenSocket(AF_UNIX);
  SLUICE_CHECK(ours.ok());
  const Address name = AbstractName();
  core::IoResult<int> listener = core::SocketApi().Listen(name, {.backlog = 1});
  SLUICE_CHECK(listener.ok());
  const Fd owner(*listener);
  SLUICE_CHECK(connect(*ours, name.get(), name.size()) == 0);
  return Pair(*ours, AcceptPlain(*listener));
}

size_t SendWithDescriptor(int fd, std::string bytes, int passed) {
  iovec part = {.iov_base = bytes.data(), .iov_len = bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &passed, sizeof(int));
  const ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
  return sent < 0 ? 0 : static_cast<size_t>(sent);
}

size_t SendSome(int fd, const std::string& bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t now =
        send(fd, bytes.data() + sent, bytes.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (now <= 0) break;
    sent += static_cast<size_t>(now);
  }
  return sent;
}

std::string ReceiveSome(int fd, size_t limit) {
  std::string text(limit, '\0');
  const ssize_t bytes = recv(fd, text.data(), text.size(), MSG_DONTWAIT);
  text.resize(bytes > 0 ? static_cast<size_t>(bytes) : 0);
  return text;
}

std::string ReceiveExactly(int fd, size_t count) {
  std::string text;
  while (text.size() < count) {
    WaitUntil(fd, POLLIN);
    const std::string more = ReceiveSome(fd, count - text.size());
    if (more.empty()) break;
    text += more;
  }
  return text;
}

void Reset(Fd& fd) {
  core::SocketApi().SetResetOnClose(fd.get());
  fd.Close();
}

bool WaitForEnd(int fd) {
  WaitUntil(fd, POLLIN);
  char byte;
  return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

std::string BytesAt(size_t position, size_t count) {
  std::string bytes(count, '\0');
  for (size_t i = 0; i < count; ++i) bytes[i] = ByteAt(position + i);
  return bytes;
}

}  // namespace sluice::contract
