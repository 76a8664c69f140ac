// ListeningSocket: the socket at one address of a listener, from binding to closing.
//
//   UNBOUND ── TryBind: 0 ──► LISTENING ── Close ──► CLOSED
//      │   └── TryBind: an errno ──► UNBOUND (it may be tried again)
//      └── Adopt ──► LISTENING
//
// Two processes may have the socket for a time, while one hands it to the other. The file of a UNIX
// address belongs to one of them: Close removes it there and leaves it elsewhere.
//
// One task at a time, inside a task.
#ifndef SLUICE_PROXY_LISTENER_LISTENING_SOCKET_H_
#define SLUICE_PROXY_LISTENER_LISTENING_SOCKET_H_

#include <cstddef>
#include <utility>

#include "core/base/check.h"
#include "core/net/socket_api.h"

namespace sluice::proxy {

class ListeningSocket {
 public:
  ListeningSocket(const core::Address& address, core::ListenOptions options)
      : address_(address), options_(std::move(options)) {}
  ListeningSocket(const ListeningSocket&) = delete;
  ListeningSocket& operator=(const ListeningSocket&) = delete;
  ~ListeningSocket() { SLUICE_DCHECK(!listening()); }

  // Tries to listen. Returns 0 or an errno. Not when listening.
  int TryBind();

  // Listens with the socket `fd` of another process, which was bound to the same address with
  // `options` and made `file`: it belongs to that process until OwnFile. Not when listening.
  void Adopt(int fd, core::ListenOptions options, core::SocketFile file);

  // From now on the file is this process's, or another's.
  void OwnFile() { owns_file_ = true; }
  void LeaveFile() { owns_file_ = false; }

  // Closes the socket and removes the file of a UNIX address that is its own; connections that wait
  // to be accepted are reset, unless another process has the socket too. Nothing happens unless
  // listening.
  void Close();

  bool listening() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  // As it was asked for: the port may be 0.
  const core::Address& address() const { return address_; }
  // As it was bound.
  const core::ListenOptions& options() const { return options_; }
  const core::SocketFile& file() const { return file_; }

  // Where it listens; not when not listening.
  core::Address LocalAddress() const;

  // How many connections wait to be accepted; as many as fit into the queue when the kernel does
  // not tell.
  size_t Waiting() const;

 private:
  const core::Address address_;
  core::ListenOptions options_;
  int fd_ = -1;
  core::SocketFile file_;
  bool owns_file_ = true;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_LISTENER_LISTENING_SOCKET_H_
