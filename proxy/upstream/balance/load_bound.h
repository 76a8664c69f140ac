// LoadBound: keeps a policy that goes by hashes from overloading an endpoint: none has more than
// `percent` of its fair share of the sessions; a session for one that has goes on in probe order.
//
//   allowed:  active + 1 <= ceil(percent / 100 * (sessions + 1) * weight / sum of the weights)
//
// From Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads" (2016). As percent
// is above 100, there is always an endpoint that is allowed among those that the sum is of.
// Threads: one at a time (the queue's lock).
// Checked by: tests/proxy/upstream/balance/hashed_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_BALANCE_LOAD_BOUND_H_
#define SLUICE_PROXY_UPSTREAM_BALANCE_LOAD_BOUND_H_

#include <cstdint>

#include "proxy/upstream/endpoint/endpoint.h"

namespace sluice::proxy {

class LoadBound {
 public:
  // 0: there is none.
  explicit LoadBound(uint32_t percent) : percent_(percent) {}

  bool exists() const { return percent_ != 0; }
  void OnSessions(int64_t change) { sessions_ += static_cast<uint64_t>(change); }

  bool Allows(const Endpoint& endpoint, uint64_t sum_of_weights) const {
    if (!exists()) return true;
    const uint64_t numerator = percent_ * (sessions_ + 1) * endpoint.weight();
    const uint64_t denominator = 100 * sum_of_weights;
    return endpoint.active() < (numerator + denominator - 1) / denominator;
  }

 private:
  const uint64_t percent_;
  uint64_t sessions_ = 0;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_BALANCE_LOAD_BOUND_H_
