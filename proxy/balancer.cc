#include "proxy/balancer.h"

#include <algorithm>
#include <numeric>

#include "core/check.h"

namespace sluice::proxy {

RoundRobin::RoundRobin(std::span<const uint32_t> weights) {
  uint32_t divisor = 0;
  for (const uint32_t weight : weights) divisor = std::gcd(divisor, weight);
  SLUICE_CHECK(divisor > 0);  // there are some, and each is at least 1
  int64_t sum = 0;
  for (const uint32_t weight : weights) sum += weight / divisor;
  std::vector<int64_t> credit(weights.size(), 0);
  round_.reserve(static_cast<size_t>(sum));
  for (int64_t step = 0; step < sum; ++step) {
    for (size_t i = 0; i < weights.size(); ++i) credit[i] += weights[i] / divisor;
    const auto best = std::max_element(credit.begin(), credit.end());
    *best -= sum;
    round_.push_back(static_cast<uint32_t>(best - credit.begin()));
  }
}

size_t RoundRobin::Pick() {
  return round_[next_.fetch_add(1, std::memory_order_relaxed) % round_.size()];
}

std::unique_ptr<Balancer> MakeBalancer(const conf::Upstream& upstream) {
  std::vector<uint32_t> weights;
  weights.reserve(upstream.endpoints.size());
  for (const conf::Endpoint& endpoint : upstream.endpoints) weights.push_back(endpoint.weight);
  switch (upstream.balance) {
    case conf::Balance::kRoundRobin:
      return std::make_unique<RoundRobin>(weights);
  }
  SLUICE_CHECK(false);
}

}  // namespace sluice::proxy
