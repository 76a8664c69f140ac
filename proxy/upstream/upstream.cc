#include "proxy/upstream/upstream.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "proxy/identity/proxy_header.h"
#include "proxy/upstream/balance/factory.h"
#include "proxy/upstream/to_core.h"

namespace sluice::proxy {
namespace {

ConnectPolicy PolicyOf(const conf::Upstream& upstream) {
  ConnectPolicy policy{.attempts = upstream.connect_attempts,
                       .backoff = upstream.connect_backoff,
                       .retry_for = upstream.retry_for,
                       .queue_timeout = upstream.queue_timeout,
                       .slow_start = upstream.slow_start,
                       .source = std::nullopt,
                       .source_is_client = upstream.source_is_client,
                       .socket = std::nullopt,
                       .send_proxy = upstream.send_proxy};
  if (upstream.source_address.is_ip()) policy.source = upstream.source_address;
  const core::SocketOptions socket = ToCore(upstream.socket);
  if (socket != core::SocketOptions()) policy.socket = socket;
  return policy;
}

core::Duration DrainTimeoutOf(const conf::OnRemoved& on_removed) {
  return on_removed.sessions == conf::SessionsOfRemoved::kReset ? 0s : on_removed.drain_timeout;
}

HealthRules HealthRulesOf(const conf::Upstream& upstream) {
  const conf::Health& health = upstream.health;
  const conf::PassiveHealth& passive = upstream.passive_health;
  HealthRules rules;
  if (health.check != conf::Check::kOff) {
    rules.check = CheckRules{.rule = {.rise = health.rise, .fall = health.fall},
                             .pace = {.interval = health.interval,
                                      .fast_interval = health.fast_interval,
                                      .down_interval = health.down_interval},
                             .resets_sessions = health.on_down == conf::OnDown::kReset};
  }
  if (passive.failures > 0) {
    rules.passive = OutlierRule{.failures = passive.failures,
                                .ejection = passive.ejection,
                                .max_ejection = passive.max_ejection,
                                .max_ejected = passive.max_ejected};
  }
  if (upstream.agent.port != 0) rules.agent = AgentRules{.interval = upstream.agent.interval};
  rules.panic = {.percent = upstream.panic, .ignores_checks = upstream.panic_ignores_checks};
  return rules;
}

ProbePlan ProbeOf(const conf::Upstream& upstream, const core::Address& address, uint32_t port,
                  core::Duration timeout) {
  ProbePlan probe{.timeout = timeout,
                  .address = address,
                  .port = static_cast<uint16_t>(port),
                  .source = std::nullopt};
  if (upstream.source_address.is_ip()) probe.source = upstream.source_address;
  return probe;
}

std::optional<CheckPlan> CheckOf(const conf::Upstream& upstream) {
  const conf::Health& health = upstream.health;
  if (health.check == conf::Check::kOff) return std::nullopt;
  CheckPlan plan{.probe = ProbeOf(upstream, health.address, health.port, health.timeout),
                 .head = {},
                 .steps = {},
                 .method = health.http.method,
                 .path = health.http.path,
                 .host = health.http.host,
                 .passes = {}};
  // Another port or address is no server of sessions: it need not know the protocol.
  const bool is_elsewhere = health.port != 0 || !health.address.is_empty();
  if (upstream.send_proxy.version != conf::ProxyVersion::kOff && !is_elsewhere) {
    plan.head = MakeLocalProxyHeader(upstream.send_proxy);
  }
  if (health.check == conf::Check::kExchange) plan.kind = CheckKind::kExchange;
  if (health.check == conf::Check::kHttp) plan.kind = CheckKind::kHttp;
  for (const conf::ExchangeStep& step : health.exchange) {
    plan.steps.push_back({.send = step.send.bytes, .expect = SoughtText(step.expect.bytes)});
  }
  for (const conf::HttpCodes& codes : health.http.status) {
    plan.passes.push_back({.first = codes.first, .last = codes.last});
  }
  return plan;
}

// One answer has to be there before the next is asked for.
std::optional<AgentPlan> AgentOf(const conf::Upstream& upstream) {
  constexpr core::Duration kLongest = 5s;
  const conf::Agent& agent = upstream.agent;
  if (agent.port == 0) return std::nullopt;
  return AgentPlan{.probe = ProbeOf(upstream, agent.address, agent.port,
                                    std::min<core::Duration>(agent.interval, kLongest)),
                   .send = agent.send};
}

}  // namespace

Upstream::Upstream(const conf::Upstream& config, uint32_t workers, const Upstream* before)
    : name_(config.name),
      written_{.endpoints = config.endpoints, .discover = config.discover},
      balance_(config.balance),
      hash_(config.hash),
      set_policy_{.balancer = BalancerOf(config, before), .slow_start = config.slow_start},
      policy_(PolicyOf(config)),
      drain_timeout_(DrainTimeoutOf(config.on_removed)),
      health_rules_(HealthRulesOf(config)),
      check_(CheckOf(config)),
      agent_(AgentOf(config)),
      admin_(before != nullptr ? before->admin_ : core::MakeRef<Administrative>()),
      found_(before != nullptr ? before->found_ : core::MakeRef<Discovered>()),
      made_of_(made_of()),
      pool_(before != nullptr ? before->pool_
                              : core::MakeRef<EndpointPool>(name_, set_policy_, given(), workers)),
      passive_health_(health_rules_.passive ? &pool_->health() : nullptr) {
  if (before == nullptr) (void)PutHealthInForce();
  shares_of_ = pool_->health().share_version();
  if (before == nullptr) return;
  if (set_policy_ != before->set_policy_ || written_ != before->written_) {
    next_ = MakeSet(configured());
  }
}

std::shared_ptr<Balancer> Upstream::BalancerOf(const conf::Upstream& config,
                                               const Upstream* before) const {
  const bool is_same = before != nullptr && before->balance_ == balance_ && before->hash_ == hash_;
  return is_same ? before->set_policy_.balancer : MakeBalancer(config);
}

void Upstream::Refresh() {
  const uint64_t made_of_before = std::exchange(made_of_, made_of());
  const uint64_t shares_before = std::exchange(shares_of_, pool_->health().share_version());
  if (made_of_before == made_of_ && shares_before == shares_of_) return;
  if (next_ != nullptr) next_ = MakeSet(configured());
}

void Upstream::PutInForce(const Upstream& before, core::Instant now) {
  const bool has_other_shares = PutHealthInForce();
  if (next_ == nullptr && !has_other_shares) return;
  // Those of `next_` that have inherited what an agent had said were not there to forget it; and
  // the time of a maintenance that is over now may have ended since it was made.
  const bool forgets_agents = before.agent_ && !agent_;
  const bool ends_maintenance = EndMaintenance(*queue().ShareSet());
  if (has_other_shares || forgets_agents || ends_maintenance) next_ = MakeSet(configured());
  pool_->Publish(std::exchange(next_, nullptr), now + before.drain_timeout_);
}

std::optional<conf::Endpoint> Upstream::FindConfigured(std::string_view name) const {
  for (conf::Endpoint& each : configured()) {
    if (each.Identity() == name) return std::move(each);
  }
  return std::nullopt;
}

AdminState Upstream::StateWithoutActs(std::string_view name) const {
  const std::optional<conf::Endpoint> configured = FindConfigured(name);
  return configured ? ConfiguredState(*configured) : AdminState::kReady;
}

void Upstream::Forget() {
  if (found_->KnowsAll(written_)) admin_->Forget(configured());
  found_->KeepOnly(written_);
}

void Upstream::PublishGiven(core::Instant now) {
  pool_->Publish(MakeSet(configured()), now + drain_timeout_);
}

void Upstream::PublishPrepared(std::shared_ptr<const EndpointSet> set, const Prepare& prepare,
                               core::Instant now) {
  const std::shared_ptr<const EndpointSet> before = queue().ShareSet();
  absl::flat_hash_set<const Endpoint*> known;
  for (const EndpointMember& member : before->members()) known.insert(member.endpoint);
  std::vector<Endpoint*> joining;
  for (const EndpointMember& member : set->members()) {
    if (!known.contains(member.endpoint)) joining.push_back(member.endpoint);
  }
  if (!joining.empty() && prepare) prepare(joining);
  pool_->Publish(std::move(set), now + drain_timeout_);
}

// The sessions that are to end do so as those of an endpoint that is removed. A time that they had
// is taken back before MakeSet looks: either it is over by then, and the endpoint another object,
// or it does not come any more.
void Upstream::SetState(std::string_view name, AdminState state, core::Instant now) {
  const AdminState without = StateWithoutActs(name);
  admin_->SetState(name, state == without ? std::nullopt : std::optional(state));
  if (state != AdminState::kMaintenance) pool_->SetLateAt(name, std::nullopt);
  PublishGiven(now);
  pool_->SetLateAt(
      name, state == AdminState::kMaintenance ? std::optional(now + drain_timeout_) : std::nullopt);
}

void Upstream::SetWeight(std::string_view name, uint32_t weight, core::Instant now) {
  admin_->SetWeight(name, weight);
  PublishGiven(now);
}

void Upstream::Reset(std::string_view name, core::Instant now, const Prepare& prepare) {
  admin_->Reset(name);
  const bool is_out = StateWithoutActs(name) == AdminState::kMaintenance;
  if (!is_out) pool_->SetLateAt(name, std::nullopt);  // as in SetState
  PublishPrepared(MakeSet(configured()), prepare, now);
  if (is_out) pool_->SetLateAt(name, now + drain_timeout_);
}

void Upstream::Add(const conf::Endpoint& endpoint, const Prepare& prepare, core::Instant now) {
  admin_->Add(endpoint);
  PublishPrepared(MakeSet(configured()), prepare, now);
}

bool Upstream::Discover(std::string_view source, Snapshot snapshot, Joiners joiners,
                        const Prepare& prepare, core::Instant now) {
  if (!found_->Set(source, std::move(snapshot))) return false;
  if (found_->KnowsAll(written_)) admin_->Forget(configured());
  const std::shared_ptr<const EndpointSet> before = queue().ShareSet();
  (void)EndMaintenance(*before);
  const auto set = pool_->MakeSet(set_policy_, given(), check_ ? joiners : Joiners::kUsable);
  PublishPrepared(set, prepare, now);
  BeginMaintenance(*before, *set, now);
  return true;
}

// As SetState does, of those that a list takes out of maintenance, or a configuration without it.
// What has another address now is another endpoint.
bool Upstream::EndMaintenance(const EndpointSet& before) {
  absl::flat_hash_map<std::string_view, core::Address> was_out;
  for (const EndpointMember& member : before.members()) {
    if (member.state != AdminState::kMaintenance) continue;
    was_out.emplace(member.endpoint->name(), member.endpoint->address());
  }
  if (was_out.empty()) return false;
  bool has_ended = false;
  for (const GivenEndpoint& each : given()) {
    if (each.state == AdminState::kMaintenance) continue;
    const std::string name = each.endpoint.Identity();
    const auto found = was_out.find(name);
    if (found == was_out.end() || found->second != each.endpoint.address) continue;
    pool_->SetLateAt(name, std::nullopt);
    has_ended = true;
  }
  return has_ended;
}

// Likewise of those that it puts into maintenance.
void Upstream::BeginMaintenance(const EndpointSet& before, const EndpointSet& is,
                                core::Instant now) {
  absl::flat_hash_map<const Endpoint*, AdminState> was;
  for (const EndpointMember& member : before.members()) was[member.endpoint] = member.state;
  for (const EndpointMember& member : is.members()) {
    const auto known = was.find(member.endpoint);
    if (known == was.end() || known->second == member.state) continue;
    if (member.state == AdminState::kMaintenance) {
      pool_->SetLateAt(member.endpoint->name(), now + drain_timeout_);
    }
  }
}

void Upstream::Remove(std::string_view name, core::Instant now) {
  admin_->Remove(name, FindConfigured(name).has_value());
  PublishGiven(now);
}

// Its endpoints are those that there are.
void Upstream::Reweigh(core::Instant now) { PublishGiven(now); }

void Upstream::Restore(Administrative::Changes changes, const Prepare& prepare, core::Instant now) {
  admin_->Restore(std::move(changes));
  PublishPrepared(MakeSet(configured()), prepare, now);
}

}  // namespace sluice::proxy
