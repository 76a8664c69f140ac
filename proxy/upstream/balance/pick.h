// PickEndpoint: what a policy picks, held to the priorities of the endpoints and to the ramps of
// those that have joined.
//
//   priority     the policy picks among the endpoints of the best priority. Those of the next one
//                are for sessions that none of these could take: all of them drain, or the session
//                has tried those that do not. One that has no free slot is waited for.
//   slow start   an endpoint on its ramp is passed over in as many picks as its ramp says, unless
//                the policy weighs the ramp itself. Which picks these are depends on the key, if
//                there is one: so a key moves to the endpoint that joins once, and stays.
//
// A set whose endpoints are of one priority, and whose endpoints are on no ramp, is picked from
// directly.
// Checked by: tests/proxy/upstream/balance/priority_test.cc,
// tests/proxy/upstream/balance/slow_start_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_BALANCE_PICK_H_
#define SLUICE_PROXY_UPSTREAM_BALANCE_PICK_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "core/base/random.h"
#include "proxy/upstream/balance/balancer.h"
#include "proxy/upstream/endpoint/endpoint_set.h"

namespace sluice::proxy {

// A set with what the policy needs of it, and with one set for each priority if there are several.
inline std::shared_ptr<const EndpointSet> MakeEndpointSet(std::vector<EndpointMember> members,
                                                          const SetPolicy& policy) {
  const Balancer& balancer = *policy.balancer;
  const bool counts = balancer.counts_sessions();
  std::map<uint32_t, std::vector<EndpointMember>> by_priority;
  for (const EndpointMember& member : members) by_priority[member.priority].push_back(member);
  const auto make = [&](std::vector<EndpointMember> some) {
    std::unique_ptr<PickTable> table = balancer.MakeTable(some);
    return std::make_shared<const EndpointSet>(policy, std::move(some), std::move(table), counts);
  };
  if (by_priority.size() <= 1) return make(std::move(members));
  std::vector<std::shared_ptr<const EndpointSet>> tiers;
  for (auto& [priority, some] : by_priority) tiers.push_back(make(std::move(some)));
  return std::make_shared<const EndpointSet>(policy, std::move(members), nullptr, counts,
                                             std::move(tiers));
}

// Whether a session is to stay with the endpoints of `tier`: some of them take sessions, and it has
// not tried all of those.
inline bool HoldsSession(const EndpointSet& tier, std::span<Endpoint* const> tried) {
  return std::ranges::any_of(tier.members(), [tried](const EndpointMember& member) {
    return member.endpoint->takes_sessions() &&
           std::ranges::find(tried, member.endpoint) == tried.end();
  });
}

// Whether a session that has tried `tried` may be given to `endpoint`, as far as priorities go.
inline bool HasItsTurn(const EndpointSet& set, const Endpoint& endpoint,
                       std::span<Endpoint* const> tried) {
  for (const auto& tier : set.tiers()) {
    const auto is_it = [&endpoint](const EndpointMember& member) {
      return member.endpoint == &endpoint;
    };
    if (std::ranges::any_of(tier->members(), is_it)) return true;
    if (HoldsSession(*tier, tried)) return false;
  }
  return true;
}

// Passes over endpoints on their ramps, as often as these say. If no other one is left, the first
// of them is taken after all.
inline Endpoint* PickOnRamp(const EndpointSet& set, const PickRequest& request,
                            std::span<Endpoint* const> tried, Endpoint* picked) {
  absl::InlinedVector<Endpoint*, 8> passed_over(tried.begin(), tried.end());
  const uint64_t chance = request.key != 0 ? request.key : request.random + tried.size();
  Endpoint* endpoint = picked;
  while (endpoint != nullptr && endpoint->is_ramping()) {
    const uint64_t among = core::Mix(chance + passed_over.size() - tried.size());
    if (among % Endpoint::kWhole < endpoint->ramp()) return endpoint;
    passed_over.push_back(endpoint);
    endpoint = set.balancer().Pick(set, request, passed_over);
  }
  return endpoint != nullptr ? endpoint : picked;
}

inline Endpoint* PickOfTier(const EndpointSet& tier, const PickRequest& request,
                            std::span<Endpoint* const> tried) {
  Balancer& balancer = tier.balancer();
  Endpoint* const picked = balancer.Pick(tier, request, tried);
  if (picked == nullptr || !picked->is_ramping() || balancer.weighs_ramps()) return picked;
  return PickOnRamp(tier, request, tried, picked);
}

// As Balancer::Pick, by the set's own policy, for a set of MakeEndpointSet.
inline Endpoint* PickEndpoint(const EndpointSet& set, const PickRequest& request,
                              std::span<Endpoint* const> tried) {
  if (set.tiers().empty()) return PickOfTier(set, request, tried);
  for (const auto& tier : set.tiers()) {
    Endpoint* const picked = PickOfTier(*tier, request, tried);
    if (picked != nullptr || HoldsSession(*tier, tried)) return picked;
  }
  return nullptr;
}

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_BALANCE_PICK_H_
