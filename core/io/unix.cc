#include "core/io/unix.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "core/io/connect_socket.h"
#include "core/net/socket_api.h"

namespace sluice::core {

Task<NetResult<UnixStream>> UnixStream::Connect(Address address) {
  if (!address.is_unix()) co_return NetError{"connect", address, EAFNOSUPPORT};
  const SocketOptions none;
  IoResult<int> fd = co_await ConnectSocket(address, none);
  if (!fd.ok()) co_return NetError{"connect", address, fd.error()};
  co_return UnixStream(*fd);
}

NetResult<std::pair<UnixStream, UnixStream>> UnixStream::Pair() {
  std::array<int, 2> fds{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0) {
    return NetError{"socketpair", Address(), errno};
  }
  return std::pair(UnixStream(fds[0]), UnixStream(fds[1]));
}

UnixListener& UnixListener::operator=(UnixListener&& other) noexcept {
  if (this == &other) return *this;
  Close();
  fd_ = other.Release();
  file_ = std::exchange(other.file_, {});
  return *this;
}

NetResult<UnixListener> UnixListener::Bind(const Address& address, const ListenOptions& options) {
  if (!address.is_unix()) return NetError{"listen on", address, EAFNOSUPPORT};
  SocketFile file;
  IoResult<int> fd = SocketApi().Listen(address, options, file);
  if (!fd.ok()) return NetError{"listen on", address, fd.error()};
  MakeNonBlocking(*fd);
  return UnixListener(*fd, std::move(file));
}

void UnixListener::Close() {
  const int fd = Release();
  if (fd < 0) return;
  RemoveFile(file_);
  CloseDescriptorNow(fd);
}

NetError UnixListener::Error(std::string_view operation, int error) const {
  return NetError{operation, local(), error};
}

}  // namespace sluice::core
