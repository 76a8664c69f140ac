#include "core/io/tcp.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "core/io/connect_socket.h"
#include "core/net/socket_api.h"
#include "core/reactor/reactor.h"

namespace sluice::core {

Task<NetResult<TcpStream>> TcpStream::Connect(Address address, SocketOptions options) {
  if (!address.is_ip()) co_return NetError{"connect", address, EAFNOSUPPORT};
  IoResult<int> fd = co_await ConnectSocket(address, options);
  if (!fd.ok()) co_return NetError{"connect", address, fd.error()};
  co_return TcpStream(*fd);
}

IoResult<void> TcpStream::Configure(const SocketOptions& options) {
  return SocketApi().Configure(fd(), options);
}

IoResult<void> TcpStream::SetNoDelay(bool on) {
  const int value = on ? 1 : 0;
  if (setsockopt(fd(), IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value)) != 0) return IoError(errno);
  return {};
}

bool TcpStream::no_delay() const {
  int value = 0;
  socklen_t size = sizeof(value);
  return getsockopt(fd(), IPPROTO_TCP, TCP_NODELAY, &value, &size) == 0 && value != 0;
}

void TcpStream::Reset() {
  if (!is_open()) return;
  SocketApi().SetResetOnClose(fd());
  Close();
}

TcpListener& TcpListener::operator=(TcpListener&& other) noexcept {
  if (this == &other) return *this;
  Close();
  fd_ = other.Release();
  return *this;
}

NetResult<TcpListener> TcpListener::Bind(const Address& address, const ListenOptions& options) {
  if (!address.is_ip()) return NetError{"listen on", address, EAFNOSUPPORT};
  IoResult<int> fd = SocketApi().Listen(address, options);
  if (!fd.ok()) return NetError{"listen on", address, fd.error()};
  MakeNonBlocking(*fd);
  return TcpListener(*fd);
}

void TcpListener::Close() {
  if (const int fd = Release(); fd >= 0) CloseDescriptorNow(fd);
}

NetError TcpListener::Error(std::string_view operation, int error) const {
  return NetError{operation, local(), error};
}

}  // namespace sluice::core
