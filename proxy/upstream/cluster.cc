#include "proxy/upstream/cluster.h"

#include "proxy/upstream/to_core.h"

namespace sluice::proxy {
namespace {

ConnectPolicy PolicyOf(const conf::Upstream& upstream) {
  ConnectPolicy policy{.attempts = upstream.connect_attempts,
                       .backoff = ToNanos(upstream.connect_backoff),
                       .retry_for = ToNanos(upstream.retry_for),
                       .queue_timeout = ToNanos(upstream.queue_timeout),
                       .source = std::nullopt,
                       .socket = std::nullopt};
  if (upstream.source_address.is_ip()) policy.source = ToCore(upstream.source_address);
  const core::SocketOptions socket = ToCore(upstream.socket);
  if (socket != core::SocketOptions()) policy.socket = socket;
  return policy;
}

std::vector<uint32_t> LimitsOf(const conf::Upstream& upstream) {
  std::vector<uint32_t> limits;
  limits.reserve(upstream.endpoints.size());
  for (const conf::Endpoint& endpoint : upstream.endpoints) {
    limits.push_back(endpoint.max_connections);
  }
  return limits;
}

}  // namespace

Cluster::Cluster(const conf::Upstream& upstream)
    : name_(upstream.name),
      policy_(PolicyOf(upstream)),
      balancer_(MakeBalancer(upstream)),
      limits_(LimitsOf(upstream)) {
  for (const conf::Endpoint& endpoint : upstream.endpoints) {
    const core::Address address = ToCore(endpoint.address);
    endpoints_.push_back(Endpoint{.address = address, .name = address.ToString()});
  }
}

}  // namespace sluice::proxy
