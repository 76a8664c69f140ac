#include "core/net/listen_again.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>

#include "core/net/socket_api.h"

namespace sluice::core {
namespace {

// Leaves 0 to the kernel, as it was when the socket was made.
bool SetUnlessZero(int fd, int option, int value) {
  return value == 0 || setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value)) == 0;
}

int TuneTcp(int fd, const ListenOptions& options) {
  SocketApi sockets;
  sockets.PrepareStream(fd);
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(options.defer_accept).count();
  if (!SetUnlessZero(fd, TCP_DEFER_ACCEPT, static_cast<int>(seconds)) ||
      !SetUnlessZero(fd, TCP_FASTOPEN, options.fast_open)) {
    return errno;
  }
  IoResult<void> configured = sockets.Configure(fd, options.connection);
  return configured.ok() ? 0 : configured.error();
}

}  // namespace

int ListenAgain(int fd, const Address& address, const ListenOptions& options) {
  if (const int error = address.is_unix() ? 0 : TuneTcp(fd, options)) return error;
  return listen(fd, options.backlog) == 0 ? 0 : errno;
}

}  // namespace sluice::core
