// EndpointSet: the endpoints that an upstream has at one time, the policy by which it chooses among
// them, and what the policy has derived from them. It never changes; another one is published
// instead, of the same policy or of another. A pick works on one set.
#ifndef SLUICE_PROXY_UPSTREAM_ENDPOINT_ENDPOINT_SET_H_
#define SLUICE_PROXY_UPSTREAM_ENDPOINT_ENDPOINT_SET_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/base/time.h"
#include "proxy/upstream/endpoint/endpoint.h"

namespace sluice::proxy {

class Balancer;

// What a policy keeps for a set: classes of weight, a table of hashes. Only the policy that has
// made it looks into it, and what changes in it is for the policy to guard.
class PickTable {
 public:
  virtual ~PickTable() = default;
};

// One endpoint of a set, as it is to be in it.
struct EndpointMember {
  Endpoint* endpoint;
  uint32_t weight = 1;           // 0: drain; beside those of the other members
  uint32_t max_connections = 0;  // 0: no limit
  uint32_t priority = 0;         // 0: the best
  AdminState state = AdminState::kReady;
  uint32_t shown_weight = 1;  // what it is called; `weight` may be in smaller units

  // For policies that share sessions out by tables of weights: of one that an administrator has
  // taken out others have the share. (A hashed policy passes over it instead, so that no other key
  // moves.)
  uint32_t shared_weight() const { return state == AdminState::kReady ? weight : 0; }
};

// How endpoints are chosen.
struct SetPolicy {
  std::shared_ptr<Balancer> balancer;  // never null
  // How long endpoints ramp up that begin to take sessions later; 0: they do not.
  core::Duration slow_start{0};

  friend bool operator==(const SetPolicy&, const SetPolicy&) = default;
};

class EndpointSet {
 public:
  using Tiers = std::vector<std::shared_ptr<const EndpointSet>>;

  // Made by MakeEndpointSet (pick.h). `members` are in the order of the configuration; `table` may
  // be null. `tiers`: those of each priority, the best first, if there are several. `counts`:
  // whether the policy needs to know how many sessions each endpoint has.
  EndpointSet(SetPolicy policy, std::vector<EndpointMember> members,
              std::unique_ptr<PickTable> table, bool counts, Tiers tiers = {})
      : policy_(std::move(policy)),
        members_(std::move(members)),
        table_(std::move(table)),
        tiers_(std::move(tiers)),
        counts_(counts || policy_.slow_start > core::Duration(0) ||
                std::ranges::any_of(members_, [](const EndpointMember& member) {
                  return member.max_connections != 0;
                })) {}
  EndpointSet(const EndpointSet&) = delete;
  EndpointSet& operator=(const EndpointSet&) = delete;

  std::span<const EndpointMember> members() const { return members_; }
  size_t size() const { return members_.size(); }
  Endpoint& endpoint(size_t index) const { return *members_[index].endpoint; }
  PickTable* table() const { return table_.get(); }
  const Tiers& tiers() const { return tiers_; }

  const SetPolicy& policy() const { return policy_; }
  Balancer& balancer() const { return *policy_.balancer; }
  // Whether a limit, a ramp or the policy needs to know how many sessions each endpoint has. Else
  // sessions are given endpoints without a lock.
  bool counts() const { return counts_; }

 private:
  const SetPolicy policy_;
  const std::vector<EndpointMember> members_;
  const std::unique_ptr<PickTable> table_;
  const Tiers tiers_;
  const bool counts_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_ENDPOINT_ENDPOINT_SET_H_
