#include "tests/sim/make_config.h"

#include <string>

#include "absl/strings/str_format.h"
#include "tests/sim/health_model.h"

namespace sluice::sim {
namespace {

using core::Duration;

core::Address ToAddress(const std::string& text) { return *core::Address::Parse(text); }

Duration TwiceIf(bool doubled, Duration time) { return doubled ? 2 * time : time; }

conf::Listener MakeListener(const Scenario& s) {
  const auto is = [&s](Mutant mutant) { return s.options.mutant == mutant; };
  const bool late = is(Mutant::kLateTimeouts);
  conf::Listener listener;
  listener.name = "sim";
  listener.on_limit = s.wait_on_limit ? conf::OnLimit::kWait : conf::OnLimit::kClose;
  listener.bind.push_back(ToAddress("10.1.0.1:80"));
  if (s.has(Fault::kTwoAddresses)) listener.bind.push_back(ToAddress("10.1.0.2:80"));
  listener.timeouts = {
      .connect = TwiceIf(late, s.connect_timeout),
      .idle = TwiceIf(late, s.idle_timeout),
      .half_close = TwiceIf(late, s.half_close_timeout),
      .write_stall = TwiceIf(late, s.write_stall_timeout),
      .max_lifetime = TwiceIf(late, s.max_lifetime),
      .max_lifetime_jitter = s.lifetime_jitter + (is(Mutant::kWideJitter) ? 30 : 0),
      .linger = s.linger};
  const bool closes = s.close_after_fin && !is(Mutant::kRelayAfterFin);
  listener.half_close = closes ? conf::HalfClose::kClose : conf::HalfClose::kRelay;
  if (s.has(Fault::kHeaders)) {
    listener.proxy_protocol.accept = conf::AcceptProxy::kRequired;
    listener.proxy_protocol.trusted = {{.network = *core::Network::Parse("11.0.0.0/8")}};
    listener.proxy_protocol.timeout = TwiceIf(late, s.header_timeout);
  }
  listener.max_connections = s.listener_connections;
  listener.new_connections = s.rate_own * (is(Mutant::kFastRate) ? 2 : 1);
  listener.per_source.ipv4_prefix = s.source_prefix;
  listener.per_source.max_connections = s.source_connections;
  if (s.source_connections != 0 && is(Mutant::kLooseSource)) {
    ++listener.per_source.max_connections;
  }
  if (s.has(Fault::kRoutes)) {
    listener.preread = {
        .timeout = TwiceIf(late, s.route_timeout),
        .on_timeout = s.route_rejects ? conf::NoRoute::kReject : conf::NoRoute::kDefault};
  }
  const uint64_t pace = is(Mutant::kFastPace) ? 2 : 1;
  listener.bandwidth = {.per_connection = s.bandwidth_own * pace,
                        .total = is(Mutant::kNoTotalPace) ? 0 : s.bandwidth_total * pace};
  return listener;
}

std::string NameOf(uint32_t upstream) { return upstream == 0 ? "sim" : "other"; }

void AddHealth(const Scenario& s, conf::Upstream& upstream) {
  if (s.has(Fault::kChecks)) {
    conf::Health& health = upstream.health;
    health.check = s.checks_talk ? conf::Check::kExchange : conf::Check::kConnect;
    health.exchange = {{.send = {.bytes = "PING\r\n"}, .expect = {.bytes = "+PONG"}}};
    health.interval = health.down_interval = s.check_interval;
    health.fast_interval = s.check_interval / 2;
    health.timeout = s.check_timeout;
    health.rise = s.rise;
    health.fall = s.fall;
    health.port = HealthModel::kCheckPort;
    health.on_down = s.resets_down ? conf::OnDown::kReset : conf::OnDown::kKeep;
  }
  if (s.has(Fault::kAgents)) {
    upstream.agent.port = HealthModel::kAgentPort;
    upstream.agent.interval = s.agent_interval;
  }
  if (s.has(Fault::kPassive)) {
    upstream.passive_health = {.failures = s.failures,
                               .ejection = s.ejection,
                               .max_ejection = 3 * s.ejection,
                               .max_ejected = 50};
  }
}

conf::Upstream MakeUpstream(const Scenario& s, const Plan& plan) {
  const auto is = [&s](Mutant mutant) { return s.options.mutant == mutant; };
  conf::Upstream upstream;
  upstream.name = NameOf(plan.upstream);
  upstream.balance = static_cast<conf::Balance>(plan.policy);
  if (s.hash_prefix != 0) {
    upstream.hash.ipv4_prefix = s.hash_prefix;
    upstream.hash.max_load = s.hash_load;
  }
  upstream.slow_start = s.slow_start;
  upstream.on_removed.drain_timeout = TwiceIf(is(Mutant::kLateRemoval), s.removed_timeout);
  if (s.removed_timeout == 0s) upstream.on_removed.sessions = conf::SessionsOfRemoved::kReset;
  upstream.queue_timeout = TwiceIf(is(Mutant::kLateQueueTimeout), s.queue_timeout);
  upstream.connect_attempts = s.attempts + (is(Mutant::kManyAttempts) ? 1 : 0);
  upstream.connect_backoff = is(Mutant::kNoBackoff) ? 0s : s.backoff;
  upstream.retry_for = is(Mutant::kOneRound) ? 0s : TwiceIf(is(Mutant::kLateRetry), s.retry_for);
  AddHealth(s, upstream);
  if (s.discovers()) {
    upstream.discover.file = "sim";
  } else {
    upstream.endpoints = EndpointsOf(s, plan);
  }
  return upstream;
}

}  // namespace

std::vector<conf::Endpoint> EndpointsOf(const Scenario& s, const Plan& plan) {
  std::vector<conf::Endpoint> endpoints;
  for (size_t i = 0; i < plan.endpoints.size(); ++i) {
    const PlannedEndpoint& endpoint = plan.endpoints[i];
    if (!endpoint.is_in) continue;
    const bool loose = endpoint.limit != 0 && s.options.mutant == Mutant::kLooseEndpoint;
    endpoints.push_back(
        {.address = ToAddress(absl::StrFormat("10.2.%d.%d:3000", plan.upstream, i + 1)),
         .weight = endpoint.weight,
         .max_connections = endpoint.limit + (loose ? 1 : 0),
         .priority = endpoint.priority});
  }
  return endpoints;
}

conf::Config MakeConfig(const Scenario& s, const Plan& plan) {
  const auto is = [&s](Mutant mutant) { return s.options.mutant == mutant; };
  conf::Config config;
  config.limits.max_connections = s.max_connections + (is(Mutant::kLooseLimit) ? 1 : 0);
  config.limits.new_connections = s.rate_all * (is(Mutant::kFastRate) ? 2 : 1);
  config.buffers.per_direction_bytes = s.credit;
  config.shutdown.drain_timeout = TwiceIf(is(Mutant::kSlowDrain), s.drain_timeout);
  config.shutdown.drain_window = s.drain_window;
  config.stats.interval = s.stats_interval;
  config.listeners.push_back(MakeListener(s));
  config.listeners.back().upstream = NameOf(plan.upstream);
  if (s.has(Fault::kRoutes)) {
    config.listeners.back().routes = {
        {.protocol = conf::RouteProtocol::kSsh, .upstream = NameOf(plan.upstream)}};
  }
  config.upstreams.push_back(MakeUpstream(s, plan));
  return config;
}

}  // namespace sluice::sim
