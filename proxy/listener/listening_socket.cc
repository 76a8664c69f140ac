#include "proxy/listener/listening_socket.h"

#include <utility>

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

void ListeningSocket::Adopt(int fd, core::ListenOptions options, core::SocketFile file) {
  SLUICE_DCHECK(!listening());
  fd_ = fd;
  options_ = std::move(options);
  file_ = std::move(file);
  owns_file_ = false;
}

void ListeningSocket::Close() {
  if (!listening()) return;
  CurrentReactor().CloseListener(fd_, owns_file_ ? file_ : core::SocketFile());
  fd_ = -1;
  file_ = core::SocketFile();
}

core::Address ListeningSocket::LocalAddress() const { return CurrentReactor().LocalAddress(fd_); }

size_t ListeningSocket::Waiting() const {
  return CurrentReactor().WaitingConnections(fd_, static_cast<size_t>(options_.backlog) + 1);
}

}  // namespace sluice::proxy
