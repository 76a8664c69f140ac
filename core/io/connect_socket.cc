#include "core/io/connect_socket.h"

#include <fcntl.h>

#include "core/base/check.h"
#include "core/io/connect.h"
#include "core/reactor/reactor.h"

namespace sluice::core {

Task<IoResult<int>> ConnectSocket(const Address& address, const SocketOptions& options) {
  IoResult<int> fd = CurrentReactor().OpenSocket(address.family());
  if (!fd.ok()) co_return IoError(fd.error());
  if (address.is_ip()) {
    CurrentReactor().PrepareStream(*fd);
    const IoResult<void> configured = CurrentReactor().Configure(*fd, options);
    if (!configured.ok()) {
      CurrentReactor().Close(*fd);
      co_return IoError(configured.error());
    }
  }
  const IoResult<void> connected = co_await Connect(*fd, address);
  if (connected.ok()) co_return *fd;
  CurrentReactor().Close(*fd);
  co_return IoError(connected.error());
}

void MakeNonBlocking(int fd) {
  SLUICE_CHECK(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
}

}  // namespace sluice::core
