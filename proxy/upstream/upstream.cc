#include "proxy/upstream/upstream.h"

#include <string_view>
#include <unordered_map>
#include <utility>

#include "proxy/upstream/balance/factory.h"
#include "proxy/upstream/balance/pick.h"
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

}  // namespace

Upstream::Upstream(const conf::Upstream& config, uint32_t workers)
    : name_(config.name),
      policy_(PolicyOf(config)),
      hash_(config.hash),
      uses_key_(config.balance == conf::Balance::kSourceHash ||
                config.balance == conf::Balance::kMaglev),
      balancer_(MakeBalancer(config)) {
  queue_ = std::make_unique<EndpointQueue>(*balancer_, workers, MakeSet(config.endpoints),
                                           config.slow_start);
}

// An upstream may name one endpoint several times: each takes another object of the current set.
std::shared_ptr<const EndpointSet> Upstream::MakeSet(std::span<const conf::Endpoint> endpoints) {
  std::shared_ptr<const EndpointSet> current = queue_ == nullptr ? nullptr : queue_->ShareSet();
  std::unordered_multimap<std::string_view, Endpoint*> known;
  for (size_t i = current == nullptr ? 0 : current->size(); i > 0; --i) {
    Endpoint& endpoint = current->endpoint(i - 1);
    known.emplace(endpoint.name(), &endpoint);
  }
  std::vector<EndpointMember> members;
  members.reserve(endpoints.size());
  for (const conf::Endpoint& each : endpoints) {
    const core::Address& address = each.address;
    std::string name = address.ToString();
    Endpoint* endpoint = nullptr;
    if (const auto found = known.find(name); found != known.end()) {
      endpoint = found->second;
      known.erase(found);
    } else {
      endpoint =
          endpoints_.emplace_back(std::make_unique<Endpoint>(address, std::move(name))).get();
    }
    members.push_back({.endpoint = endpoint,
                       .weight = each.weight,
                       .max_connections = each.max_connections,
                       .priority = each.priority});
  }
  return MakeEndpointSet(std::move(members), *balancer_);
}

}  // namespace sluice::proxy
