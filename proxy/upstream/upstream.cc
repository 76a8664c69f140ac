#include "proxy/upstream/upstream.h"

#include <algorithm>
#include <utility>

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

Upstream::Upstream(const conf::Upstream& config, uint32_t workers, const Upstream* before,
                   std::span<const conf::Endpoint> endpoints_before)
    : name_(config.name),
      configured_(config.endpoints),
      balance_(config.balance),
      hash_(config.hash),
      set_policy_{.balancer = BalancerOf(config, before), .slow_start = config.slow_start},
      policy_(PolicyOf(config)),
      drain_timeout_(DrainTimeoutOf(config.on_removed)),
      health_rules_(HealthRulesOf(config)),
      check_(CheckOf(config)),
      agent_(AgentOf(config)),
      admin_(before != nullptr ? before->admin_ : core::MakeRef<Administrative>()),
      made_of_(admin_->version()),
      pool_(before != nullptr ? before->pool_
                              : core::MakeRef<EndpointPool>(name_, set_policy_, given(), workers)),
      passive_health_(health_rules_.passive ? &pool_->health() : nullptr) {
  if (before == nullptr) (void)PutHealthInForce();
  shares_of_ = pool_->health().share_version();
  if (before == nullptr) return;
  if (set_policy_ != before->set_policy_ ||
      !std::ranges::equal(config.endpoints, endpoints_before)) {
    next_ = MakeSet(configured_);
  }
}

std::shared_ptr<Balancer> Upstream::BalancerOf(const conf::Upstream& config,
                                               const Upstream* before) const {
  const bool is_same = before != nullptr && before->balance_ == balance_ && before->hash_ == hash_;
  return is_same ? before->set_policy_.balancer : MakeBalancer(config);
}

void Upstream::Refresh() {
  const uint64_t made_of = std::exchange(made_of_, admin_->version());
  const uint64_t shares_of = std::exchange(shares_of_, pool_->health().share_version());
  if (made_of == made_of_ && shares_of == shares_of_) return;
  if (next_ != nullptr) next_ = MakeSet(configured_);
}

void Upstream::PutInForce(const Upstream& before, core::Instant now) {
  const bool has_other_shares = PutHealthInForce();
  if (next_ == nullptr && !has_other_shares) return;
  if (has_other_shares) next_ = MakeSet(configured_);
  pool_->Publish(std::exchange(next_, nullptr), now + before.drain_timeout_);
}

bool Upstream::is_configured(std::string_view name) const {
  return std::ranges::any_of(
      configured_, [name](const conf::Endpoint& each) { return each.Identity() == name; });
}

void Upstream::PublishGiven(core::Instant now) {
  pool_->Publish(MakeSet(configured_), now + drain_timeout_);
}

// The sessions that are to end do so as those of an endpoint that is removed.
void Upstream::SetState(std::string_view name, AdminState state, core::Instant now) {
  admin_->SetState(name, state);
  PublishGiven(now);
  pool_->SetLateAt(
      name, state == AdminState::kMaintenance ? std::optional(now + drain_timeout_) : std::nullopt);
}

void Upstream::SetWeight(std::string_view name, uint32_t weight, core::Instant now) {
  admin_->SetWeight(name, weight);
  PublishGiven(now);
}

void Upstream::Reset(std::string_view name, core::Instant now) {
  admin_->Reset(name);
  PublishGiven(now);
  pool_->SetLateAt(name, std::nullopt);
}

void Upstream::Add(const conf::Endpoint& endpoint, const std::function<void(Endpoint&)>& prepare,
                   core::Instant now) {
  const std::shared_ptr<const EndpointSet> before = queue().ShareSet();
  admin_->Add(endpoint);
  std::shared_ptr<const EndpointSet> set = MakeSet(configured_);
  const std::string name = endpoint.Identity();
  for (const EndpointMember& member : set->members()) {
    if (member.endpoint->name() != name) continue;
    const bool is_new = std::ranges::none_of(before->members(), [&](const EndpointMember& known) {
      return known.endpoint == member.endpoint;
    });
    if (is_new) prepare(*member.endpoint);
  }
  pool_->Publish(std::move(set), now + drain_timeout_);
}

void Upstream::Remove(std::string_view name, core::Instant now) {
  admin_->Remove(name, is_configured(name));
  PublishGiven(now);
}

// Its endpoints are those that there are.
void Upstream::Reweigh(core::Instant now) { PublishGiven(now); }

void Upstream::Restore(Administrative::Changes changes, core::Instant now) {
  admin_->Restore(std::move(changes));
  PublishGiven(now);
}

}  // namespace sluice::proxy
