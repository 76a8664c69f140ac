// Cluster: the endpoints of one upstream, how to choose among them and how to connect to them.
#ifndef SLUICE_PROXY_UPSTREAM_CLUSTER_H_
#define SLUICE_PROXY_UPSTREAM_CLUSTER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conf/config.h"
#include "core/base/clock.h"
#include "core/base/intrusive_ptr.h"
#include "core/log/logger.h"
#include "core/net/socket_api.h"
#include "proxy/upstream/balance/balancer.h"
#include "proxy/upstream/endpoint_limits.h"

namespace sluice::proxy {

// Whether an endpoint is a listener of this process that leads back to it (upstream_sockets.h).
enum class OwnListener : uint8_t { kNo, kPerhaps, kYes };

struct Endpoint {
  core::Address address;
  std::string name;  // the address as text
  OwnListener own_listener = OwnListener::kNo;
  bool may_be_itself = false;  // a connecting socket may be given the endpoint's own address
};

// How connections to a cluster's endpoints are made.
struct ConnectPolicy {
  uint32_t attempts;          // endpoints tried in one round, at least 1
  core::Nanos backoff;        // before the third endpoint; doubled for each further one
  core::Nanos retry_for;      // when all have failed; 0: each is tried once
  core::Nanos queue_timeout;  // 0: no waiting for room
  std::optional<core::Address> source;
  std::optional<core::SocketOptions> socket;  // of TCP; none: all as the kernel has it
};

// Any thread.
class Cluster final : public core::RefCounted {
 public:
  explicit Cluster(const conf::Upstream& upstream);

  const std::string& name() const { return name_; }
  const std::vector<Endpoint>& endpoints() const { return endpoints_; }
  Endpoint& endpoint(size_t index) { return endpoints_[index]; }  // before the first connection
  const ConnectPolicy& policy() const { return policy_; }
  Balancer& balancer() { return *balancer_; }
  EndpointLimits& limits() { return limits_; }
  core::LogThrottle& failure_throttle() { return failure_throttle_; }

 private:
  const std::string name_;
  const ConnectPolicy policy_;
  std::vector<Endpoint> endpoints_;
  const std::unique_ptr<Balancer> balancer_;
  EndpointLimits limits_;
  core::LogThrottle failure_throttle_{5 * core::kSecond};
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_CLUSTER_H_
