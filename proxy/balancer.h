// Balancer: which endpoint of a cluster the next connection goes to. One policy, one class.
//
// To add a policy: derive from Balancer in a file of its own, add its name to conf::Balance, and
// make it in MakeBalancer (balancer.cc).
#ifndef SLUICE_PROXY_BALANCER_H_
#define SLUICE_PROXY_BALANCER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "conf/config.h"
#include "core/atomic.h"

namespace sluice::proxy {

// Any thread may call Pick.
class Balancer {
 public:
  virtual ~Balancer() = default;
  // An index into the cluster's endpoints.
  virtual size_t Pick() = 0;
};

// Weighted round robin, exact over every round. The order is the "smooth" one of nginx (each step
// raises every endpoint by its weight, takes the highest and lowers it by the sum), computed once;
// picking is one atomic increment.
class RoundRobin final : public Balancer {
 public:
  // `weights` are >= 1 and at least one.
  explicit RoundRobin(std::span<const uint32_t> weights);
  size_t Pick() override;

  // The order of one round.
  const std::vector<uint32_t>& round() const { return round_; }

 private:
  std::vector<uint32_t> round_;
  core::Atomic<uint64_t> next_{0};
};

std::unique_ptr<Balancer> MakeBalancer(const conf::Upstream& upstream);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_BALANCER_H_
