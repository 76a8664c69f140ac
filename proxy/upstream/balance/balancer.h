// Balancer: which endpoint of a cluster the next connection goes to. One policy, one class.
//
// To add a policy: derive from Balancer in a file of its own, add its name to conf::Balance, and
// make it in MakeBalancer (balancer.cc).
#ifndef SLUICE_PROXY_UPSTREAM_BALANCE_BALANCER_H_
#define SLUICE_PROXY_UPSTREAM_BALANCE_BALANCER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "conf/config.h"
#include "core/base/atomic.h"

namespace sluice::proxy {

// Any thread may call Pick.
class Balancer {
 public:
  virtual ~Balancer() = default;
  // An index into the cluster's endpoints.
  virtual size_t Pick() = 0;
};

// Weighted round robin, exact over every round: of as many picks as the sum of the weights (divided
// by what all have in common) each endpoint has its weight.
//
//   classes by weight    weight 5: a           has 5 of 7 picks
//                        weight 1: b, c        has 2 of 7 picks          a b a a a c a
//
// Endpoints of equal weight take turns. The classes are mixed in the "smooth" order of nginx: each
// pick raises every class by its share, takes the highest and lowers it by the sum. So there is no
// table of a round, which could have millions of entries, and a pick costs one step for each weight
// that occurs, under a mutex; when all are equal it is one atomic increment.
class RoundRobin final : public Balancer {
 public:
  // `weights` are >= 1 and at least one. Linear in their number, apart from sorting them.
  explicit RoundRobin(std::span<const uint32_t> weights);
  size_t Pick() override;

  // Picks until it begins anew.
  uint64_t round_size() const { return round_size_; }

 private:
  struct Class {
    std::vector<uint32_t> endpoints;  // in the order of the configuration
    int64_t share;                    // of the round: their weights together
    int64_t credit = 0;
    size_t next = 0;
  };

  size_t PickMixed();

  std::vector<Class> classes_;  // the heaviest first; what changes is guarded by the mutex
  uint64_t round_size_ = 0;
  core::Atomic<uint64_t> next_{0};  // if there is one class
  absl::Mutex mutex_;
};

std::unique_ptr<Balancer> MakeBalancer(const conf::Upstream& upstream);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_BALANCE_BALANCER_H_
