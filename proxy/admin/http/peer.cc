#include "proxy/admin/http/peer.h"

#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "core/net/address.h"

namespace sluice::proxy {

std::optional<HttpPeer> PeerOf(int fd) {
  const core::Address address = core::Address::From(
      [fd](sockaddr* peer, socklen_t* size) { return getpeername(fd, peer, size); });
  if (address.is_ip()) return HttpPeer{.name = address.ToString()};
  ucred credentials;
  socklen_t size = sizeof(credentials);
  // Of a TCP socket the kernel gives some, too, which say nothing.
  if (!address.is_unix() || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return std::nullopt;
  }
  return HttpPeer{.is_unix = true,
                  .uid = credentials.uid,
                  .name = absl::StrCat("uid ", credentials.uid, ", pid ", credentials.pid)};
}

}  // namespace sluice::proxy
