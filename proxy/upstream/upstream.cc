#include "proxy/upstream/upstream.h"

#include <algorithm>
#include <utility>

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
                       .socket = std::nullopt};
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
                                      .down_interval = health.down_interval}};
  }
  if (passive.failures > 0) {
    rules.passive = OutlierRule{.failures = passive.failures,
                                .ejection = passive.ejection,
                                .max_ejection = passive.max_ejection,
                                .max_ejected = passive.max_ejected};
  }
  rules.panic = {.percent = upstream.panic, .ignores_checks = upstream.panic_ignores_checks};
  return rules;
}

std::optional<CheckPlan> CheckOf(const conf::Upstream& upstream) {
  const conf::Health& health = upstream.health;
  if (health.check == conf::Check::kOff) return std::nullopt;
  CheckPlan plan{.is_http = health.check == conf::Check::kHttp,
                 .timeout = health.timeout,
                 .address = health.address,
                 .port = static_cast<uint16_t>(health.port),
                 .source = std::nullopt,
                 .method = health.http.method,
                 .path = health.http.path,
                 .host = health.http.host,
                 .passes = {}};
  if (upstream.source_address.is_ip()) plan.source = upstream.source_address;
  for (const conf::HttpCodes& codes : health.http.status) {
    plan.passes.push_back({.first = codes.first, .last = codes.last});
  }
  return plan;
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
      admin_(before != nullptr ? before->admin_ : core::MakeRef<Administrative>()),
      made_of_(admin_->version()),
      pool_(before != nullptr ? before->pool_
                              : core::MakeRef<EndpointPool>(name_, set_policy_, given(), workers)),
      passive_health_(health_rules_.passive ? &pool_->health() : nullptr) {
  if (before == nullptr) {
    PutHealthInForce();
  } else if (set_policy_ != before->set_policy_ ||
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
  const uint64_t version = admin_->version();
  if (std::exchange(made_of_, version) == version) return;
  if (next_ != nullptr) next_ = MakeSet(configured_);
}

void Upstream::PutInForce(const Upstream& before, core::Instant now) {
  PutHealthInForce();
  if (next_ != nullptr) {
    pool_->Publish(std::exchange(next_, nullptr), now + before.drain_timeout_);
  }
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

void Upstream::Restore(Administrative::Changes changes, core::Instant now) {
  admin_->Restore(std::move(changes));
  PublishGiven(now);
}

}  // namespace sluice::proxy
