// Asks the kernel which UNIX sockets are bound to a file, without connecting to any of them
// (sock_diag(7)).
//
// The answer covers the sockets of this process's network namespace. The kernel may not answer (a
// seccomp filter, a kernel without unix_diag): then it is kUnknown.
#ifndef SLUICE_CORE_NET_UNIX_DIAG_H_
#define SLUICE_CORE_NET_UNIX_DIAG_H_

#include <sys/stat.h>

namespace sluice::core {

enum class SocketHolder {
  kNone,    // no socket here that listens or is bound: a listener of another network namespace
            // may exist, and so may one on a file system that numbers files in several ways
  kSocket,  // a socket is bound to the file: it listens, or is about to, or takes datagrams
  kUnknown,
};

// `file`: of lstat(2).
SocketHolder FindSocketHolder(const struct stat& file);

}  // namespace sluice::core

#endif  // SLUICE_CORE_NET_UNIX_DIAG_H_
