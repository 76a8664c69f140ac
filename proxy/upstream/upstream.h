// Upstream: the endpoints that a listener's sessions are connected to, how to choose among them and
// how to connect to them.
//
//   conf::Upstream ── MakeSet ──► EndpointSet ── Publish ──► the current set, also of the queue
//
// It owns its endpoints. One that is in the set before and in the new one is the same object: its
// sessions count on. One that leaves drains, and is kept as long as the upstream, so that a session
// needs no reference of its own; one that joins again is another object, which has not been tried.
#ifndef SLUICE_PROXY_UPSTREAM_UPSTREAM_H_
#define SLUICE_PROXY_UPSTREAM_UPSTREAM_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "conf/config.h"
#include "core/base/intrusive_ptr.h"
#include "core/base/time.h"
#include "core/log/logger.h"
#include "core/net/socket_api.h"
#include "proxy/upstream/balance/balancer.h"
#include "proxy/upstream/balance/hash.h"
#include "proxy/upstream/endpoint/endpoint_set.h"
#include "proxy/upstream/endpoint_queue.h"

namespace sluice::proxy {

// How connections to an upstream's endpoints are made.
struct ConnectPolicy {
  uint32_t attempts;             // endpoints tried in one round, at least 1
  core::Duration backoff;        // before the third endpoint; doubled for each further one
  core::Duration retry_for;      // when all have failed; 0: each is tried once
  core::Duration queue_timeout;  // 0: no waiting for a free slot
  core::Duration slow_start;     // 0: endpoints that join take their whole share at once
  std::optional<core::Address> source;
  std::optional<core::SocketOptions> socket;  // of TCP; none: all as the kernel has it
};

// Any thread, but for MakeSet and Publish: one at a time.
class Upstream final : public core::RefCounted {
 public:
  // `workers`: how many there are. The endpoints of `config` are published.
  Upstream(const conf::Upstream& config, uint32_t workers);

  const std::string& name() const { return name_; }
  const ConnectPolicy& policy() const { return policy_; }
  EndpointQueue& queue() { return *queue_; }
  core::LogThrottle& failure_throttle() { return failure_throttle_; }

  // Whether the policy goes by PickRequest::key, and the key of a session.
  bool uses_key() const { return uses_key_; }
  uint64_t KeyOf(const core::Address& client) const {
    return SourceKey(client, {.ipv4 = hash_.ipv4_prefix, .ipv6 = hash_.ipv6_prefix}, hash_.seed);
  }

  // A set of these endpoints, in this order; publish it, or let go of it. What has to be known of
  // endpoints that join (upstream_sockets.h) is set before it is published.
  std::shared_ptr<const EndpointSet> MakeSet(std::span<const conf::Endpoint> endpoints);
  void Publish(std::shared_ptr<const EndpointSet> set) { queue_->Publish(std::move(set)); }

 private:
  const std::string name_;
  const ConnectPolicy policy_;
  const conf::Hash hash_;
  const bool uses_key_;
  const std::unique_ptr<Balancer> balancer_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;  // all that there have been
  std::unique_ptr<EndpointQueue> queue_;              // goes before them
  core::LogThrottle failure_throttle_{5s};
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_UPSTREAM_H_
