// A policy for tests: endpoints by their index, with weights and limits, behind a queue that counts
// their sessions.
#ifndef SLUICE_TESTS_PROXY_UPSTREAM_BALANCE_POLICY_H_
#define SLUICE_TESTS_PROXY_UPSTREAM_BALANCE_POLICY_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/time.h"
#include "proxy/upstream/endpoint_queue.h"
#include "tests/proxy/upstream/endpoints.h"

namespace sluice::proxy::testing {

class Policy {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // At most `most` endpoints are ever used; 0: as many as there are weights.
  Policy(std::unique_ptr<Balancer> policy, const std::vector<uint32_t>& weights, size_t most = 0,
         core::Duration slow_start = core::Duration(0))
      : balancer_(std::move(policy)),
        endpoints_(std::max(most, weights.size())),
        slow_start_(slow_start) {
    Use(MembersOf(weights));
  }

  // Of the first endpoints, in order.
  std::vector<EndpointMember> MembersOf(const std::vector<uint32_t>& weights,
                                        const std::vector<uint32_t>& limits = {}) const {
    std::vector<EndpointMember> members;
    for (size_t i = 0; i < weights.size(); ++i) {
      members.push_back({.endpoint = endpoints_[i],
                         .weight = weights[i],
                         .max_connections = i < limits.size() ? limits[i] : 0});
    }
    return members;
  }
  // From now on these.
  void Use(std::vector<EndpointMember> members) {
    std::shared_ptr<const EndpointSet> set =
        Endpoints::MakeSet(std::move(members), *balancer_, slow_start_);
    if (queue_ == nullptr) {
      queue_ = std::make_unique<EndpointQueue>(kWorkers, std::move(set));
    } else {
      queue_->Publish(std::move(set));
    }
  }

  EndpointSlot Take(const PickRequest& request = {}, const std::vector<uint32_t>& tried = {},
                    uint32_t worker = 0) {
    return queue_->TryAcquire(worker, request, endpoints_.Some(tried));
  }
  // The index of what a pick takes and gives back at once; kNone: there is none.
  uint32_t Pick(const PickRequest& request = {}, const std::vector<uint32_t>& tried = {}) {
    const EndpointSlot slot = Take(request, tried);
    return slot.valid() ? Endpoints::IndexOf(slot.endpoint()) : kNone;
  }
  uint32_t PickKey(uint64_t key, const std::vector<uint32_t>& tried = {}) {
    return Pick({.key = key}, tried);
  }

  uint32_t active(size_t index) const { return endpoints_[index]->active(); }
  std::vector<uint32_t> Active(size_t count) const {
    std::vector<uint32_t> all;
    for (size_t i = 0; i < count; ++i) all.push_back(active(i));
    return all;
  }
  const Endpoints& endpoints() const { return endpoints_; }
  EndpointQueue& queue() { return *queue_; }

  static constexpr uint32_t kWorkers = 4;

 private:
  const std::unique_ptr<Balancer> balancer_;
  const Endpoints endpoints_;
  const core::Duration slow_start_;
  std::unique_ptr<EndpointQueue> queue_;
};

}  // namespace sluice::proxy::testing

#endif  // SLUICE_TESTS_PROXY_UPSTREAM_BALANCE_POLICY_H_
