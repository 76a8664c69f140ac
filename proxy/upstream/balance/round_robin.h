// RoundRobin: weighted round robin, exact over every round: of as many picks as the sum of the
// weights (divided by what all have in common) each endpoint has its weight.
//
//   classes by weight    weight 5: a           has 5 of 7 picks
//                        weight 1: b, c        has 2 of 7 picks          a b a a a c a
//
// Endpoints of equal weight take turns. The classes are mixed in the "smooth" order of nginx: each
// pick raises every class by its share, takes the highest and lowers it by the sum. So there is no
// table of a round, which could have millions of entries, and a pick costs one step for each weight
// that occurs, under a mutex; when all are equal it is one atomic increment.
//
// The first pick is anywhere in the round, by the `random` of its request: many processes that
// start together do not all begin with the first endpoint. From there on the order is the same: of
// as many picks as a round has, wherever they begin, each endpoint has its weight.
//
// An endpoint that may not be tried loses its turn to the next one of its class, and a class that
// has no other one sits out: it is not raised, and the others share its picks by their weights.
// Threads: any. Checked by: tests/proxy/upstream/balance/round_robin_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_BALANCE_ROUND_ROBIN_H_
#define SLUICE_PROXY_UPSTREAM_BALANCE_ROUND_ROBIN_H_

#include <cstdint>
#include <memory>
#include <span>

#include "core/base/atomic.h"
#include "proxy/upstream/balance/balancer.h"

namespace sluice::proxy {

class RoundRobin final : public Balancer {
 public:
  // Linear in the number of members, apart from sorting them by weight.
  std::unique_ptr<PickTable> MakeTable(std::span<const EndpointMember> members) const override;
  Endpoint* Pick(const EndpointSet& set, const PickRequest& request,
                 std::span<Endpoint* const> tried) override;

  // Picks until it starts over.
  static uint64_t RoundSize(const EndpointSet& set);

 private:
  class Table;

  static constexpr uint64_t kNotBegun = ~uint64_t{0};

  Endpoint* PickInTurn(std::span<Endpoint* const> endpoints, std::span<Endpoint* const> tried,
                       uint64_t random);
  uint64_t Start(uint64_t random);

  core::Atomic<uint64_t> start_{kNotBegun};  // the first turn; the request that comes first says it
  core::Atomic<uint64_t> turn_{0};  // goes on when the set changes, so that all get their turns
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_BALANCE_ROUND_ROBIN_H_
