// ConnectSocket: a new stream socket, connected; or it is closed again. What TcpStream::Connect and
// UnixStream::Connect consist of.
#ifndef SLUICE_CORE_IO_CONNECT_SOCKET_H_
#define SLUICE_CORE_IO_CONNECT_SOCKET_H_

#include "core/base/result.h"
#include "core/net/address.h"
#include "core/net/socket_options.h"
#include "core/task/task.h"

namespace sluice::core {

// Both outlive it.
Task<IoResult<int>> ConnectSocket(const Address& address, const SocketOptions& options);

// A listening socket whose accepts do not wait (io_uring would have it otherwise).
void MakeNonBlocking(int fd);

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_CONNECT_SOCKET_H_
