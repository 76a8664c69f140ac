#include "proxy/upstream/balance/balancer.h"

#include <functional>
#include <map>
#include <numeric>
#include <utility>

#include "core/base/check.h"

namespace sluice::proxy {

RoundRobin::RoundRobin(std::span<const uint32_t> weights) {
  uint32_t divisor = 0;
  for (const uint32_t weight : weights) divisor = std::gcd(divisor, weight);
  SLUICE_CHECK(divisor > 0);  // there are some, and each is at least 1
  std::map<uint32_t, std::vector<uint32_t>, std::greater<>> by_weight;
  for (uint32_t i = 0; i < weights.size(); ++i) by_weight[weights[i]].push_back(i);
  for (auto& [weight, endpoints] : by_weight) {
    const auto share = static_cast<int64_t>(endpoints.size()) * (weight / divisor);
    classes_.push_back({.endpoints = std::move(endpoints), .share = share});
    round_size_ += static_cast<uint64_t>(share);
  }
}

size_t RoundRobin::Pick() {
  if (classes_.size() > 1) return PickMixed();
  const std::vector<uint32_t>& endpoints = classes_.front().endpoints;
  return endpoints[next_.fetch_add(1, std::memory_order_relaxed) % endpoints.size()];
}

size_t RoundRobin::PickMixed() {
  absl::MutexLock lock(&mutex_);
  Class* best = nullptr;
  for (Class& each : classes_) {
    each.credit += each.share;
    if (best == nullptr || each.credit > best->credit) best = &each;
  }
  best->credit -= static_cast<int64_t>(round_size_);
  const uint32_t endpoint = best->endpoints[best->next];
  if (++best->next == best->endpoints.size()) best->next = 0;
  return endpoint;
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
