#include "proxy/listener/listening_socket.h"

#include "core/sched/worker.h"

namespace sluice::proxy {

using core::CurrentReactor;

int ListeningSocket::TryBind() {
  SLUICE_DCHECK(!listening());
  core::IoResult<int> fd = CurrentReactor().Listen(address_, options_, file_);
  if (!fd.ok()) return fd.error();
  fd_ = *fd;
  return 0;
}

void ListeningSocket::Close() {
  if (!listening()) return;
  CurrentReactor().CloseListener(fd_, file_);
  fd_ = -1;
  file_ = core::SocketFile();
}

core::Address ListeningSocket::LocalAddress() const { return CurrentReactor().LocalAddress(fd_); }

size_t ListeningSocket::Waiting() const {
  return CurrentReactor().WaitingConnections(fd_, static_cast<size_t>(options_.backlog) + 1);
}

}  // namespace sluice::proxy
