// ListenAgain: a socket that listens already, made by another program, gets options of ours.
#ifndef SLUICE_CORE_NET_LISTEN_AGAIN_H_
#define SLUICE_CORE_NET_LISTEN_AGAIN_H_

#include "core/net/address.h"
#include "core/net/socket_options.h"

namespace sluice::core {

// What can be set after bind(2): all but `ipv6_only` and the `unix_` ones. `address` is of its
// family. Returns 0 or an errno. Any thread.
int ListenAgain(int fd, const Address& address, const ListenOptions& options);

}  // namespace sluice::core

#endif  // SLUICE_CORE_NET_LISTEN_AGAIN_H_
