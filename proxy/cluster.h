// Cluster: the endpoints of one upstream and how to choose among them.
#ifndef SLUICE_PROXY_CLUSTER_H_
#define SLUICE_PROXY_CLUSTER_H_

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "conf/config.h"
#include "core/socket_api.h"
#include "proxy/balancer.h"

namespace sluice::proxy {

inline core::Address ToCore(const conf::Address& address) {
  return core::Address(address.get(), address.length);
}

struct Endpoint {
  core::Address address;
  std::string name;  // the address as text
};

class Cluster {
 public:
  explicit Cluster(const conf::Upstream& upstream)
      : name_(upstream.name), balancer_(MakeBalancer(upstream)) {
    for (const conf::Endpoint& endpoint : upstream.endpoints) {
      const core::Address address = ToCore(endpoint.address);
      endpoints_.push_back(Endpoint{address, address.ToString()});
    }
  }

  const std::string& name() const { return name_; }
  const std::vector<Endpoint>& endpoints() const { return endpoints_; }
  Balancer& balancer() { return *balancer_; }

 private:
  const std::string name_;
  std::vector<Endpoint> endpoints_;
  const std::unique_ptr<Balancer> balancer_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_CLUSTER_H_
