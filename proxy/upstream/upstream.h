// Upstream: the endpoints that a listener's sessions are connected to, how to choose among them and
// how to connect to them; as one configuration has it.
//
//   conf::Upstream ──► Upstream ──► EndpointPool (endpoint_pool.h): shared with the configuration
//                         │   │          ▲         before, so that what counts goes on
//                         │   └──────────│──────► Administrative (administrative.h) and
//                         │              │        Discovered (discovered.h): the same
//                         └─ PutInForce ─┘ its endpoints are the current ones, its policy is theirs
#ifndef SLUICE_PROXY_UPSTREAM_UPSTREAM_H_
#define SLUICE_PROXY_UPSTREAM_UPSTREAM_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/config.h"
#include "core/base/intrusive_ptr.h"
#include "core/base/time.h"
#include "core/log/logger.h"
#include "core/net/socket_api.h"
#include "proxy/upstream/administrative.h"
#include "proxy/upstream/balance/hash.h"
#include "proxy/upstream/discovered.h"
#include "proxy/upstream/endpoint/endpoint_set.h"
#include "proxy/upstream/endpoint_pool.h"
#include "proxy/upstream/endpoint_queue.h"
#include "proxy/upstream/health/agent.h"
#include "proxy/upstream/health/check.h"
#include "proxy/upstream/upstream_health.h"

namespace sluice::proxy {

// How connections to an upstream's endpoints are made.
struct ConnectPolicy {
  uint32_t attempts;             // endpoints tried in one round, at least 1
  core::Duration backoff;        // before the third endpoint; doubled for each further one
  core::Duration retry_for;      // when all have failed; 0: each is tried once
  core::Duration queue_timeout;  // 0: no waiting for a free slot
  core::Duration slow_start;     // 0: endpoints that join take their whole share at once
  std::optional<core::Address> source;
  bool source_is_client;                      // instead: the client's address
  std::optional<core::SocketOptions> socket;  // of TCP; none: all as the kernel has it
  conf::SendProxy send_proxy;                 // what each connection begins with
};

// Any thread, but for Refresh, PutInForce, Forget, Publish and the acts of an administrator: one at
// a time.
class Upstream final : public core::RefCounted {
 public:
  // `workers`: how many there are. `before`: the upstream of this name that it takes the place of,
  // or null: then its endpoints are published at once.
  Upstream(const conf::Upstream& config, uint32_t workers, const Upstream* before = nullptr);

  const std::string& name() const { return name_; }
  const ConnectPolicy& policy() const { return policy_; }
  const core::IntrusivePtr<EndpointPool>& pool() const { return pool_; }
  EndpointQueue& queue() { return pool_->queue(); }
  // Where sessions tell what they meet at endpoints; null: nothing asks for it.
  UpstreamHealth* passive_health() const { return passive_health_; }
  // How its endpoints are checked; null: they are not.
  const CheckPlan* check() const { return check_ ? &*check_ : nullptr; }
  // How their agents are asked; null: they have none.
  const AgentPlan* agent() const { return agent_ ? &*agent_ : nullptr; }
  // Whether its endpoints are to be looked after (health_monitors.h).
  bool has_health() const { return check_ || agent_ || passive_health_ != nullptr; }
  core::LogThrottle& failure_throttle() { return pool_->failure_throttle(); }

  // Whether each connection begins with a header of the PROXY protocol.
  bool sends_proxy_header() const { return policy_.send_proxy.version != conf::ProxyVersion::kOff; }

  // Whether the policy goes by PickRequest::key, and the key of a session.
  bool uses_key() const {
    return balance_ == conf::Balance::kSourceHash || balance_ == conf::Balance::kMaglev;
  }
  // The key is that of the server's name, of a client that asks for one.
  bool hashes_server() const { return uses_key() && hash_.on == conf::HashOn::kSni; }
  // It is that of the connection's address, and not of the one in the client's PROXY header.
  bool hashes_connection() const { return hash_.on == conf::HashOn::kSource; }
  uint64_t KeyOf(std::string_view server) const { return StableHash(server, hash_.seed); }
  uint64_t KeyOf(const core::Address& client) const {
    return SourceKey(client, {.ipv4 = hash_.ipv4_prefix, .ipv6 = hash_.ipv6_prefix}, hash_.seed);
  }

  // Its endpoints, in the order of the configuration. Until they are published, what has to be
  // known of them (upstream_sockets.h) is set.
  std::shared_ptr<const EndpointSet> endpoints() {
    return next_ != nullptr ? next_ : queue().ShareSet();
  }
  // Before PutInForce: what an administrator, an agent or a source has changed since it was made
  // holds for its endpoints, too.
  void Refresh();
  // Publishes its endpoints, unless they are those that are published. What leaves follows the rule
  // of `before`.
  void PutInForce(const Upstream& before, core::Instant now);
  // It is in force: what an administrator has changed about others is forgotten.
  void Forget();
  // It is removed.
  void Retire(core::Instant now) const { pool_->Retire(now + drain_timeout_); }

  // The endpoints of its configuration, which its sources may change at any time, and with what an
  // administrator has changed.
  std::vector<conf::Endpoint> configured() const { return found_->Expand(written_); }
  // Whether each of its sources has answered.
  bool knows_endpoints() const { return found_->KnowsAll(written_); }
  std::vector<GivenEndpoint> given() const { return admin_->Apply(configured()); }
  const Administrative& administrative() const { return *admin_; }

  // The acts of an administrator, of one that is in force. They hold at once: sessions that wait
  // are served, and no session begins any more with what has been taken out.
  void SetState(std::string_view name, AdminState state, core::Instant now);
  void SetWeight(std::string_view name, uint32_t weight, core::Instant now);
  // It is given all new endpoints before they are published; null: nothing is to be known of them
  // that was not known of those before them.
  using Prepare = std::function<void(std::span<Endpoint* const>)>;
  // As configured; so one that had been removed joins.
  void Reset(std::string_view name, core::Instant now, const Prepare& prepare = nullptr);
  void Add(const conf::Endpoint& endpoint, const Prepare& prepare, core::Instant now);
  void Remove(std::string_view name, core::Instant now);
  void Restore(Administrative::Changes changes, const Prepare& prepare, core::Instant now);

  // Agents have said other weights or limits, which hold from now on. Likewise of one in force.
  void Reweigh(core::Instant now);
  // What one of its sources has found takes the place of what it has found before, like an act:
  // what an administrator has changed stays, but for endpoints that have gone. Returns false if
  // nothing is different. `joiners`: where endpoints are checked, those that are new.
  bool Discover(std::string_view source, Snapshot snapshot, Joiners joiners, const Prepare& prepare,
                core::Instant now);

  // Any endpoints of its pool (endpoint_pool.h).
  std::shared_ptr<const EndpointSet> MakeSet(std::span<const conf::Endpoint> endpoints) {
    return pool_->MakeSet(set_policy_, admin_->Apply(endpoints),
                          check_ ? Joiners::kUnchecked : Joiners::kUsable);
  }
  void Publish(std::shared_ptr<const EndpointSet> set) {
    pool_->Publish(std::move(set), /*late_at=*/std::nullopt);
  }

 private:
  // That of `before`, with what it remembers, if it is the same.
  std::shared_ptr<Balancer> BalancerOf(const conf::Upstream& config, const Upstream* before) const;

  // Returns true if the weights or limits of its endpoints are others now.
  bool PutHealthInForce() { return pool_->health().SetRules(health_rules_); }

  // None: the configuration does not name it.
  std::optional<conf::Endpoint> FindConfigured(std::string_view name) const;
  // Of what its set of endpoints is made.
  uint64_t made_of() const { return admin_->version() + found_->version(); }
  // Of the endpoints of this name, as long as no administrator has set it.
  AdminState StateWithoutActs(std::string_view name) const;
  void PublishGiven(core::Instant now);
  void PublishPrepared(std::shared_ptr<const EndpointSet> set, const Prepare& prepare,
                       core::Instant now);
  // Before the set is made that takes the place of `before`. Returns true if there are some.
  bool EndMaintenance(const EndpointSet& before);
  void BeginMaintenance(const EndpointSet& before, const EndpointSet& is, core::Instant now);

  const std::string name_;
  const EndpointsAsWritten written_;
  const conf::Balance balance_;
  const conf::Hash hash_;
  const SetPolicy set_policy_;
  const ConnectPolicy policy_;
  const core::Duration drain_timeout_;  // of an endpoint that is removed
  const HealthRules health_rules_;
  const std::optional<CheckPlan> check_;
  const std::optional<AgentPlan> agent_;
  const core::IntrusivePtr<Administrative> admin_;
  const core::IntrusivePtr<Discovered> found_;
  uint64_t made_of_;        // made_of() then
  uint64_t shares_of_ = 0;  // of what agents have said
  const core::IntrusivePtr<EndpointPool> pool_;
  UpstreamHealth* const passive_health_;     // the pool's, or null
  std::shared_ptr<const EndpointSet> next_;  // null: published
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_UPSTREAM_H_
