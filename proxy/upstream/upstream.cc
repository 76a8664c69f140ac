#include "proxy/upstream/upstream.h"

#include <algorithm>
#include <utility>

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

}  // namespace

Upstream::Upstream(const conf::Upstream& config, uint32_t workers, const Upstream* before,
                   std::span<const conf::Endpoint> endpoints_before)
    : name_(config.name),
      balance_(config.balance),
      hash_(config.hash),
      policy_(PolicyOf(config)),
      drain_timeout_(DrainTimeoutOf(config.on_removed)),
      pool_(before != nullptr && before->HasPolicyOf(*this)
                ? before->pool_
                : core::MakeRef<EndpointPool>(config, workers)) {
  const bool is_shared = before != nullptr && pool_ == before->pool_;
  if (is_shared && !std::ranges::equal(config.endpoints, endpoints_before)) {
    next_ = pool_->MakeSet(config.endpoints);
  }
}

void Upstream::PutInForce(const Upstream& before, core::Instant now) {
  if (next_ != nullptr) {
    pool_->Publish(std::exchange(next_, nullptr), now + before.drain_timeout_);
  }
}

void Upstream::Retire(bool stays, core::Instant now) const {
  pool_->Retire(stays ? std::nullopt : std::optional(now + drain_timeout_));
}

}  // namespace sluice::proxy
