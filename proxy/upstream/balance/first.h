// First: the first usable endpoint in the order of the configuration. So an endpoint gets sessions
// only while all before it are at their max_connections, and those at the end can be switched off
// when there is little to do. Weights do not count, apart from 0.
// Threads: any. Checked by: tests/proxy/upstream/balance/first_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_BALANCE_FIRST_H_
#define SLUICE_PROXY_UPSTREAM_BALANCE_FIRST_H_

#include <span>

#include "proxy/upstream/balance/balancer.h"

namespace sluice::proxy {

class First final : public Balancer {
 public:
  Endpoint* Pick(const EndpointSet& set, const PickRequest& request,
                 std::span<Endpoint* const> tried) override;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_BALANCE_FIRST_H_
