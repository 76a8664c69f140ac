// MakeBalancer: the policy that a configuration names.
#ifndef SLUICE_PROXY_UPSTREAM_BALANCE_FACTORY_H_
#define SLUICE_PROXY_UPSTREAM_BALANCE_FACTORY_H_

#include <memory>

#include "conf/config.h"
#include "proxy/upstream/balance/balancer.h"

namespace sluice::proxy {

std::unique_ptr<Balancer> MakeBalancer(const conf::Upstream& upstream);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_BALANCE_FACTORY_H_
