// What is to be known of upstreams before the first connection: whether the kernel takes their
// sockets' options and addresses, and which endpoints are on this host.
//
//   own_listener   NO        nothing is looked at for its connections
//                  YES       a connection would come back (conf/reader/loops.h): none is made
//                  PERHAPS   it is that when its address is one of this host's, which is looked at
//                            before each connection: a floating address may come at any time
#ifndef SLUICE_PROXY_UPSTREAM_UPSTREAM_SOCKETS_H_
#define SLUICE_PROXY_UPSTREAM_UPSTREAM_SOCKETS_H_

#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "conf/config.h"
#include "core/base/intrusive_ptr.h"
#include "core/log/logger.h"
#include "core/net/socket_api.h"
#include "proxy/upstream/upstream.h"

namespace sluice::core {
class Reactor;
}

namespace sluice::proxy {

using Upstreams = std::span<const core::IntrusivePtr<Upstream>>;

// Reports at once what the kernel would not allow for any connection: one line for each upstream.
absl::Status CheckUpstreamSockets(core::Reactor& reactor, Upstreams upstreams);

// Sets `own_listener` and `may_be_itself` of all endpoints, and logs those that will not be
// connected to. `upstreams` are those of `config`; `bound[i]` is where its listener i listens.
// Before the first connection.
void LocateEndpoints(const conf::Config& config,
                     const std::vector<std::vector<core::Address>>& bound, core::SocketApi& sockets,
                     Upstreams upstreams, core::Logger& logger);

// The same for `added`, which have been added to `upstream` by hand or by a source, and to
// `config`; on any thread: whether one is on this host is left to be looked at before each
// connection.
void LocateAdded(const conf::Config& config, const std::vector<std::vector<core::Address>>& bound,
                 std::string_view upstream, std::span<Endpoint* const> added);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_UPSTREAM_SOCKETS_H_
