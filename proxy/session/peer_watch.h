// PeerReset: waits until a peer resets its connection, at a time when nothing is read from it: the
// client while the upstream connection is being made, and either peer after its end of stream.
//
// An end of stream is no reset. The close of a UNIX peer is none either, but breaks the connection.
#ifndef SLUICE_PROXY_SESSION_PEER_WATCH_H_
#define SLUICE_PROXY_SESSION_PEER_WATCH_H_

#include <cstdint>

#include "core/task/task.h"

namespace sluice::proxy {

// What the watch does when the connection has broken and was not reset.
enum class WhenBroken : uint8_t {
  kEnd,     // it ends
  kWaitOn,  // it waits until it is cancelled: its end always means something
};

// 0: the peer of `fd` has reset its connection. ECANCELED: the scope was cancelled. Any other
// errno: the connection has broken and was not reset. It begins to watch after 20 ms: most connects
// are done before that, and most sessions end within that after the first end of stream.
core::Task<int> PeerReset(int fd, WhenBroken when_broken);

// What a connection that has been reset, or given up by the kernel, broke with. ECONNRESET also
// where the kernel has told it already, and for EPIPE, which is what it calls a reset after the
// peer's end of stream. It is told once: a read that follows would find a clean end.
int ErrorOfReset(int fd);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_PEER_WATCH_H_
