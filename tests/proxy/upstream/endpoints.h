// Endpoints for tests of what picks among them, by their index; a policy that is easily foreseen.
#ifndef SLUICE_TESTS_PROXY_UPSTREAM_ENDPOINTS_H_
#define SLUICE_TESTS_PROXY_UPSTREAM_ENDPOINTS_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "proxy/upstream/balance/balancer.h"
#include "proxy/upstream/balance/pick.h"
#include "proxy/upstream/endpoint/endpoint.h"
#include "proxy/upstream/endpoint/endpoint_set.h"

namespace sluice::proxy::testing {

// The first usable one from number `key` on, in rotation.
class FromKey : public Balancer {
 public:
  Endpoint* Pick(const EndpointSet& set, const PickRequest& request,
                 std::span<Endpoint* const> tried) override {
    for (size_t i = 0; i < set.size(); ++i) {
      Endpoint* const endpoint = &set.endpoint((request.key + i) % set.size());
      if (MayTry(endpoint, tried)) return endpoint;
    }
    return nullptr;
  }
};

class Endpoints {
 public:
  explicit Endpoints(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      all_.push_back(std::make_unique<Endpoint>(core::Address(), std::to_string(i)));
    }
  }
  Endpoint* operator[](size_t index) const { return all_[index].get(); }
  size_t size() const { return all_.size(); }

  static uint32_t IndexOf(const Endpoint& endpoint) {
    return static_cast<uint32_t>(std::stoul(endpoint.name()));
  }

  std::vector<Endpoint*> Some(std::span<const uint32_t> indices) const {
    std::vector<Endpoint*> some;
    for (const uint32_t index : indices) some.push_back((*this)[index]);
    return some;
  }

  // A set of all, with these limits.
  std::shared_ptr<const EndpointSet> Limited(std::span<const uint32_t> max,
                                             Balancer& balancer) const {
    std::vector<EndpointMember> members;
    for (size_t i = 0; i < max.size(); ++i) {
      members.push_back({.endpoint = (*this)[i], .max_connections = max[i]});
    }
    return MakeSet(std::move(members), balancer);
  }
  // `balancer` outlives the set.
  static std::shared_ptr<const EndpointSet> MakeSet(std::vector<EndpointMember> members,
                                                    Balancer& balancer,
                                                    core::Duration slow_start = {}) {
    const std::shared_ptr<Balancer> shared(std::shared_ptr<void>(), &balancer);
    return MakeEndpointSet(std::move(members), {.balancer = shared, .slow_start = slow_start});
  }

 private:
  std::vector<std::unique_ptr<Endpoint>> all_;
};

}  // namespace sluice::proxy::testing

#endif  // SLUICE_TESTS_PROXY_UPSTREAM_ENDPOINTS_H_
