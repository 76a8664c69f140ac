// Maglev: consistent hashing by a table of slots. A key leads to one slot, whatever the number of
// endpoints, and endpoints share the slots by their weights.
//
//   slots     a b a c b a c ...      each endpoint walks the slots in an order of its own, and
//                                    takes the next free one whenever it is its turn
//   a pick    key ──► slot ── usable? ── no ──► the next slot ...
//
// The table depends on the names, the weights and the seed alone: not on the order in which the
// endpoints are configured, and not on their health. So proxies with one configuration agree, and
// an endpoint that fails moves its own keys only, for as long as it fails. When one joins or
// leaves, few keys move besides its own: measured, at most 5 % of all.
//
// The number of slots is a prime, at least 65537 and at least 100 for each endpoint. It is one of a
// few, of which each is about twice the one before: if it changed with each endpoint, each of them
// would move all keys.
//
// From Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer" (2016).
// Threads: any; with a load bound one at a time (the queue's lock).
// Checked by: tests/proxy/upstream/balance/hashed_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_BALANCE_MAGLEV_H_
#define SLUICE_PROXY_UPSTREAM_BALANCE_MAGLEV_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "proxy/upstream/balance/hashed_balancer.h"

namespace sluice::proxy {

class Maglev final : public HashedBalancer {
 public:
  Maglev(uint64_t seed, uint32_t max_load) : HashedBalancer(seed, max_load) {}

  // With equal weights about as many steps as slots times the logarithm of the number of members;
  // with others more, at most by the heaviest divided by the average weight.
  std::unique_ptr<PickTable> MakeTable(std::span<const EndpointMember> members) const override;
  Endpoint* Pick(const EndpointSet& set, const PickRequest& request,
                 std::span<Endpoint* const> tried) override;

  static size_t SlotsFor(size_t endpoints);

 private:
  class Table;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_BALANCE_MAGLEV_H_
