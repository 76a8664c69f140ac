// RandomTwo: draws two endpoints by chance, in proportion to their weights, and takes the one with
// less load, (active + 1) / weight. A pick looks at two endpoints, however many there are, and many
// proxies that do it side by side do not all run to the same one.
// Threads: any. Checked by: tests/proxy/upstream/balance/random_two_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_BALANCE_RANDOM_TWO_H_
#define SLUICE_PROXY_UPSTREAM_BALANCE_RANDOM_TWO_H_

#include <memory>
#include <span>

#include "proxy/upstream/balance/balancer.h"

namespace sluice::proxy {

class RandomTwo final : public Balancer {
 public:
  std::unique_ptr<PickTable> MakeTable(std::span<const EndpointMember> members) const override;
  Endpoint* Pick(const EndpointSet& set, const PickRequest& request,
                 std::span<Endpoint* const> tried) override;
  bool counts_sessions() const override { return true; }
  bool weighs_ramps() const override { return true; }
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_BALANCE_RANDOM_TWO_H_
