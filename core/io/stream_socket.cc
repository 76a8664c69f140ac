#include "core/io/stream_socket.h"

#include "core/net/socket_api.h"
#include "core/reactor/descriptor_notes.h"
#include "core/reactor/reactor.h"

namespace sluice::core {
namespace {

// The kernel of the current worker; elsewhere that of Linux.
template <typename Call>
auto WithSockets(Call call) {
  if (Reactor* reactor = Reactor::Current()) return call(static_cast<SocketApi&>(*reactor));
  SocketApi sockets;
  return call(sockets);
}

}  // namespace

void CloseDescriptor(int fd) {
  if (Reactor* reactor = Reactor::Current()) {
    reactor->Close(fd);
  } else {
    DescriptorNotes::CloseElsewhere(fd);
  }
}

void CloseDescriptorNow(int fd) {
  if (Reactor* reactor = Reactor::Current()) {
    reactor->CloseNow(fd);
  } else {
    DescriptorNotes::CloseElsewhere(fd);
  }
}

Address LocalAddressOf(int fd) {
  return WithSockets([fd](SocketApi& sockets) { return sockets.LocalAddress(fd); });
}

Done<IoResult<void>> StreamSocket::Shutdown() {
  return Done(WithSockets([this](SocketApi& sockets) { return sockets.ShutdownWrite(fd_); }));
}

void StreamSocket::Close() {
  if (const int fd = Release(); fd >= 0) CloseDescriptor(fd);
}

NetError StreamSocket::Error(std::string_view operation, int error) const {
  return NetError{operation, peer(), error};
}

Address StreamSocket::local() const { return LocalAddressOf(fd_); }

Address StreamSocket::peer() const {
  return WithSockets([this](SocketApi& sockets) { return sockets.PeerAddress(fd_); });
}

}  // namespace sluice::core
