// Who is at the other end of a connection.
#ifndef SLUICE_PROXY_ADMIN_HTTP_PEER_H_
#define SLUICE_PROXY_ADMIN_HTTP_PEER_H_

#include <optional>

#include "proxy/admin/http/exchange.h"

namespace sluice::proxy {

// Of a connected socket; none: the kernel does not know any more, as of a TCP client that has reset
// the connection before it was accepted. Checked by: tests/proxy/admin/peer_test.cc.
std::optional<HttpPeer> PeerOf(int fd);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_HTTP_PEER_H_
