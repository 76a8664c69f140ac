// SocketApi: the calls on sockets that return at once and so need no Op.
//
// The implementations here are Linux's; a simulation overrides them. Any thread may call them, for
// descriptors that are not closed meanwhile.
#ifndef SLUICE_CORE_NET_SOCKET_API_H_
#define SLUICE_CORE_NET_SOCKET_API_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/net/address.h"
#include "core/net/socket_file.h"
#include "core/net/socket_options.h"

namespace sluice::core {

// How the peer's end of stream came about.
enum class PeerState {
  kOpen,     // it may still receive
  kReset,    // the connection is gone: an end of stream read now is a reset whose error went
             // elsewhere
  kUnknown,  // the kernel, or a sandbox, does not say
};

// What has become of what was sent to a peer.
struct Delivery {
  // TCP: bytes that it has not acknowledged; an end of stream counts as one. UNIX: the memory of
  // what it has not read, which is more than the bytes.
  size_t pending = 0;
  // Another number than before if the peer has taken something since; no other meaning.
  uint64_t taken = 0;
  Duration quiet_for{0};  // for that long it has certainly taken nothing
  bool kept = false;      // a close drops nothing of it: the peer may still read it (UNIX)
  bool is_lost = false;   // the connection is gone: the peer takes nothing of it any more (TCP)
};

class SocketApi {
 public:
  virtual ~SocketApi() = default;

  // A bound and listening stream socket; a stale UNIX socket file is replaced. Sets SO_REUSEADDR
  // and does what PrepareStream does: accepted sockets inherit it, but those of a UNIX listener
  // inherit nothing. `file` is for RemoveSocketFile; further attempts at the address pass the same
  // one (core/net/socket_file.h).
  virtual IoResult<int> Listen(const Address& address, const ListenOptions& options,
                               SocketFile& file);
  // For addresses without a file.
  IoResult<int> Listen(const Address& address, const ListenOptions& options) {
    SocketFile none;
    return Listen(address, options, none);
  }
  // A second descriptor for the same socket.
  virtual IoResult<int> Duplicate(int fd);

  // The next connection that waits at a listening socket; EAGAIN when there is none. Leaves the
  // socket non-blocking: for the end of its life.
  virtual IoResult<int> AcceptNow(int fd);
  // How many wait there now; `most` when the kernel does not tell (UNIX).
  virtual size_t WaitingConnections(int fd, size_t most);

  virtual IoResult<void> ShutdownWrite(int fd);
  // TCP_NODELAY, and SO_OOBINLINE: a byte that the peer marks as urgent is one of the stream's, and
  // the kernel's count of what there is to read goes on behind the mark. Without the latter a poll
  // tells of such a byte on a UNIX socket, and no read brings it.
  virtual void PrepareStream(int fd);
  // For a TCP socket that is not connected yet. ENOENT: no such congestion control.
  virtual IoResult<void> Configure(int fd, const SocketOptions& options);
  // Connections will come from this IP address; the port is chosen when they are made, so that the
  // same one serves several destinations (IP_BIND_ADDRESS_NO_PORT).
  virtual IoResult<void> BindSource(int fd, const Address& address);
  // The same for an address that is another host's, the client's (IP_TRANSPARENT). EPERM: this
  // process may not.
  virtual IoResult<void> BindForeign(int fd, const Address& address);
  // Makes the coming Close send RST instead of FIN and drop what is unsent. TCP only.
  virtual void SetResetOnClose(int fd);
  virtual Delivery GetDelivery(int fd);
  // Received and not read: a close turns into a reset.
  virtual size_t UnreadBytes(int fd);
  // Reads some of these, without waiting: how many; 0 also if there is an end or an error, which a
  // later read finds. Nothing of the descriptor is in flight.
  virtual size_t ReadNow(int fd, std::span<std::byte> bytes);
  // Looks at some of these, which stay: how many; 0 at the end of the stream, EAGAIN if none have
  // come. Nothing of the descriptor is in flight.
  virtual IoResult<size_t> PeekNow(int fd, std::span<std::byte> bytes);
  virtual PeerState GetPeerState(int fd);
  // What the connection has broken with, or 0: an error is told once, here or by another call, and
  // a read after that finds an end of stream.
  virtual int TakeError(int fd);
  virtual PathQuality GetPathQuality(int fd);
  // The file of a UNIX listener that is about to be closed, if its path still names it; nothing for
  // other addresses.
  virtual void RemoveSocketFile(const SocketFile& file);
  virtual Address LocalAddress(int fd);
  // Whether connections to this IP address stay on this host (core/net/local_hosts.h).
  virtual bool IsLocal(const Address& address);
  // Also of a peer that has reset its connection. "?" if it cannot be had.
  virtual Address PeerAddress(int fd);
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_NET_SOCKET_API_H_
