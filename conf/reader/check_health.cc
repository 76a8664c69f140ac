#include "conf/reader/check_health.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/text/text.h"

namespace sluice::conf {
namespace {

// An error about one key of something.
using FailAt = std::function<void(std::string_view key, const std::string& message)>;

FailAt FailBelow(const std::string& path, const Positions& positions, Errors& errors) {
  return [path, &positions, &errors](std::string_view key, const std::string& message) {
    errors.Add(positions.At(Cat(path, key)), Cat(path, key, ": ", message));
  };
}

// A check, or a question to an agent, that could reach no endpoint, or none of them, is not meant.
void CheckPlace(const Upstream& upstream, const std::string& key, const core::Address& address,
                uint32_t port, bool needs_port, const FailAt& fail) {
  const bool has_address = address.is_ip();
  const auto unix_one = std::ranges::find_if(
      upstream.endpoints, [](const Endpoint& endpoint) { return endpoint.address.is_unix(); });
  const bool lacks_one = has_address != (port != 0) && (!needs_port || port != 0);
  if (unix_one != upstream.endpoints.end() && lacks_one) {
    fail(Cat(key, has_address ? ".address" : ".port"),
         Cat("the endpoint ", Quoted(unix_one->address.ToString()),
             " is a UNIX socket and has no IP address and no port: give both, or none"));
  }
  const core::Address& source = upstream.source_address;
  if (has_address && source.is_ip() && source.family() != address.family()) {
    fail(Cat(key, ".address"),
         Cat(Quoted(address.HostToString()), " cannot be reached from the source_address ",
             Quoted(source.HostToString()), ": both have to be IPv4, or both IPv6"));
  }
}

// A step that does nothing is not meant. `path`: of the upstream.
void CheckSteps(const Health& health, const std::string& path, const Positions& positions,
                const FailAt& fail) {
  constexpr size_t kMostSteps = 32;
  for (size_t i = 0; i < health.exchange.size(); ++i) {
    const ExchangeStep& step = health.exchange[i];
    for (const std::string_view part : {"send", "expect"}) {
      const std::string key = Cat("health.exchange[", i, "].", part);
      const auto has = [&](std::string_view form) {
        return positions.all().contains(Cat(path, key, form));
      };
      if (!has(".text") || !has(".hex")) continue;
      fail(Cat(key, ".hex"), "there is a text, too: one of the two is enough");
    }
    if (!step.send.bytes.empty() || !step.expect.bytes.empty()) continue;
    fail(Cat("health.exchange[", i, "]"), "the step does nothing; allowed: send, expect or both");
  }
  if (health.exchange.size() > kMostSteps) {
    fail("health.exchange",
         Cat("there are ", health.exchange.size(), " steps; allowed: at most ", kMostSteps));
  }
}

// What says how to ask, where the check asks nothing. `path`: of what has no `check` of its own.
// False: there is something, and it was reported.
bool CheckIsAsked(const Health& health, const std::string& path, const Positions& positions,
                  const FailAt& fail) {
  const auto check = [&](std::string_view word) {
    const std::string key = Cat("health.", word);
    if (!positions.all().contains(Cat(path, key))) return true;
    fail(key, Cat("the check only connects, and asks nothing; allowed: with check: ", word,
                  " beside it"));
    return false;
  };
  const bool is_fine = check("http");
  return (health.exchange.empty() || check("exchange")) && is_fine;
}

}  // namespace

void CheckHealth(const Config& config, const Positions& positions, Errors& errors) {
  const std::vector<ExchangeStep>& inherited = config.default_upstream.health.exchange;
  const std::string defaults = "defaults.upstream.";
  const FailAt fail_defaults = FailBelow(defaults, positions, errors);
  CheckSteps(config.default_upstream.health, defaults, positions, fail_defaults);
  bool inherits_connect = false;
  for (size_t i = 0; i < config.upstreams.size(); ++i) {
    const Upstream& upstream = config.upstreams[i];
    const std::string path = Cat("upstreams[", i, "].");
    const FailAt fail = FailBelow(path, positions, errors);
    const Health& health = upstream.health;
    const Agent& agent = upstream.agent;
    CheckPlace(upstream, "health", health.address, health.port, /*needs_port=*/false, fail);
    CheckPlace(upstream, "agent", agent.address, agent.port, /*needs_port=*/true, fail);
    if (health.exchange != inherited) CheckSteps(health, path, positions, fail);
    if (health.check == Check::kExchange && health.exchange.empty()) {
      fail("health.check",
           "exchange has no steps: it would pass when it connects; allowed: at least one in "
           "health.exchange, as in [{ send: \"PING\\r\\n\", expect: \"+PONG\" }]");
    }
    if (health.check == Check::kConnect && !positions.all().contains(path + "health.check")) {
      inherits_connect |= CheckIsAsked(health, path, positions, fail);
    }
    if (agent.port == 0 && (agent.address.is_ip() || !agent.send.empty())) {
      fail(agent.address.is_ip() ? "agent.address" : "agent.send",
           "there is no agent without agent.port; allowed: a port from 1 to 65535 there");
    }
  }
  if (inherits_connect && !positions.all().contains(defaults + "health.check")) {
    CheckIsAsked(config.default_upstream.health, defaults, positions, fail_defaults);
  }
}

}  // namespace sluice::conf
