// LeastConnections: the endpoint with the least load, (active + 1) / weight.
//
//   up to 32 endpoints    all are looked at; those of equal load take turns
//   more                  two are drawn in proportion to their weights, and the one with less load
//                         is taken (weighted_draw.h)
//
// The queue takes the slot under the same lock under which it picks, so no two sessions see the
// same load: with equal weights and up to 32 endpoints, as long as sessions only come, none has two
// more than another one, whichever workers they come on.
// Threads: one at a time (the queue's lock). Checked by:
// tests/proxy/upstream/balance/least_connections_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_BALANCE_LEAST_CONNECTIONS_H_
#define SLUICE_PROXY_UPSTREAM_BALANCE_LEAST_CONNECTIONS_H_

#include <cstddef>
#include <memory>
#include <span>

#include "proxy/upstream/balance/balancer.h"

namespace sluice::proxy {

class LeastConnections final : public Balancer {
 public:
  static constexpr size_t kMostForFullScan = 32;

  std::unique_ptr<PickTable> MakeTable(std::span<const EndpointMember> members) const override;
  Endpoint* Pick(const EndpointSet& set, const PickRequest& request,
                 std::span<Endpoint* const> tried) override;
  bool counts_sessions() const override { return true; }
  bool weighs_ramps() const override { return true; }

 private:
  size_t begin_ = 0;  // where the next scan begins: behind the one that was picked last
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_BALANCE_LEAST_CONNECTIONS_H_
