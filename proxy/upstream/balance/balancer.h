// Balancer: which endpoint of a set a session goes to. One policy, one class.
//
// To add a policy: derive from Balancer in a file of its own, add its name to conf::Balance, and
// make it in MakeBalancer (factory.cc). A policy answers only which of several endpoints is the
// best; whether one may be used at all is for the endpoint to say (Endpoint::usable). Priorities
// and ramps are the same for all policies: see PickEndpoint (pick.h), which calls Pick.
//
//   for each set        MakeTable ──► EndpointSet::table
//   for each attempt    Pick(set, request, tried) ──► OnSessions(1) ── it ends ──► OnSessions(-1)
//
// A set has its policy (endpoint_set.h), so another policy takes the place of one as another set
// does; it is told of the sessions that there are.
#ifndef SLUICE_PROXY_UPSTREAM_BALANCE_BALANCER_H_
#define SLUICE_PROXY_UPSTREAM_BALANCE_BALANCER_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>

#include "core/base/time.h"
#include "proxy/upstream/endpoint/endpoint_set.h"

namespace sluice::proxy {

// What a policy may go by.
struct PickRequest {
  uint64_t key = 0;  // a hash of what is to stick to an endpoint
  core::Instant now = {};
  uint64_t random = 0;  // another one for each session
};

// Any thread may call anything, also while a set that is older is still picked from.
class Balancer {
 public:
  virtual ~Balancer() = default;

  // What Pick needs of a set, made once; null: nothing.
  virtual std::unique_ptr<PickTable> MakeTable(std::span<const EndpointMember> members) const {
    (void)members;
    return nullptr;
  }

  // The best usable endpoint that is not among those `tried`, so that a retry follows the policy,
  // too. Null: there is none.
  virtual Endpoint* Pick(const EndpointSet& set, const PickRequest& request,
                         std::span<Endpoint* const> tried) = 0;

  // Whether Pick goes by Endpoint::ramped_weight. The picks of another policy are thinned out while
  // an endpoint is on its ramp (pick.h).
  virtual bool weighs_ramps() const { return false; }

  // Whether the policy needs Endpoint::active and OnSessions: only then are they exact for an
  // upstream without limits.
  virtual bool counts_sessions() const { return false; }
  // `endpoint` of the set in force has so many more sessions; less than 0: fewer. One that joins or
  // leaves does so with all that it has. Under the queue's lock.
  virtual void OnSessions(Endpoint& endpoint, int64_t change) {
    (void)endpoint;
    (void)change;
  }

  // Whether the policy goes by how long endpoints take to connect and to answer: only then is that
  // measured. It is told under the queue's lock.
  virtual bool measures_latency() const { return false; }
  virtual void OnLatency(Endpoint& endpoint, core::Duration latency, core::Instant now) {
    (void)endpoint;
    (void)latency;
    (void)now;
  }

  static bool MayTry(const Endpoint* endpoint, std::span<Endpoint* const> tried) {
    return endpoint->usable() && std::ranges::find(tried, endpoint) == tried.end();
  }
  // Compares (active + 1) / weight, without dividing. Weights are not 0, and less on a ramp.
  static bool HasLessLoad(const Endpoint& a, const Endpoint& b) {
    return (uint64_t{a.active()} + 1) * b.ramped_weight() <
           (uint64_t{b.active()} + 1) * a.ramped_weight();
  }
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_BALANCE_BALANCER_H_
