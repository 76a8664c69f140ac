// HashedBalancer: what the policies that go by PickRequest::key have in common: a seed, and the
// bound of the load, for which sessions are counted.
//
// Threads: as balancer.h says. Checked by: tests/proxy/upstream/balance/hashed_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_BALANCE_HASHED_BALANCER_H_
#define SLUICE_PROXY_UPSTREAM_BALANCE_HASHED_BALANCER_H_

#include <cstdint>
#include <span>

#include "proxy/upstream/balance/balancer.h"
#include "proxy/upstream/balance/load_bound.h"

namespace sluice::proxy {

class HashedBalancer : public Balancer {
 public:
  bool counts_sessions() const final { return bound_.exists(); }
  void OnSessions(Endpoint&, int64_t change) final { bound_.OnSessions(change); }

 protected:
  // `max_load`: in percent of an endpoint's fair share; 0: no bound.
  HashedBalancer(uint64_t seed, uint32_t max_load) : seed_(seed), bound_(max_load) {}

  uint64_t seed() const { return seed_; }

  // A session that has begun to wait before the policy was this one has no key: then by chance.
  static uint64_t KeyOf(const PickRequest& request) {
    return request.key != 0 ? request.key : request.random;
  }

  // The best one for the key that is not in `tried` and not above its share. If all are above their
  // shares, because others are not usable, the shares are those among the usable ones. `table`
  // knows sum_of_weights(), SumThatMayBeTried(tried) and Best(key, allowed).
  template <typename Table>
  Endpoint* PickFrom(const Table& table, uint64_t key, std::span<Endpoint* const> tried) const {
    uint64_t sum = table.sum_of_weights();
    const auto allowed = [&](const Endpoint* endpoint) {
      return MayTry(endpoint, tried) && bound_.Allows(*endpoint, sum);
    };
    Endpoint* const best = table.Best(key, allowed);
    if (best != nullptr || !bound_.exists()) return best;
    sum = table.SumThatMayBeTried(tried);
    return table.Best(key, allowed);
  }

 private:
  const uint64_t seed_;
  LoadBound bound_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_BALANCE_HASHED_BALANCER_H_
