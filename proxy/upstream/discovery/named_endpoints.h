// What name servers say, as endpoints.
//
//   of a host                the port is given; all weigh 1 and have priority 0
//   of a service (SRV)       weight 0 counts as 1; where one of a priority weighs more than 256,
//                            all of that priority are scaled so that the largest weighs 256
//                            priorities stay up to 255; where one is larger, all are numbered in
//                            their order, from 0
#ifndef SLUICE_PROXY_UPSTREAM_DISCOVERY_NAMED_ENDPOINTS_H_
#define SLUICE_PROXY_UPSTREAM_DISCOVERY_NAMED_ENDPOINTS_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "core/io/resolve/resolve.h"
#include "core/net/address.h"
#include "proxy/upstream/discovery/source.h"

namespace sluice::proxy {

Snapshot EndpointsOfHost(std::string_view name, uint32_t port,
                         std::span<const core::Address> addresses);
// An address with a port that several targets have is one endpoint: that of the first.
Snapshot EndpointsOfService(std::span<const core::ServiceTarget> targets);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_DISCOVERY_NAMED_ENDPOINTS_H_
