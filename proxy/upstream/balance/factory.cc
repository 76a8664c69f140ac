#include "proxy/upstream/balance/factory.h"

#include "core/base/check.h"
#include "proxy/upstream/balance/round_robin.h"

namespace sluice::proxy {

std::unique_ptr<Balancer> MakeBalancer(conf::Balance balance) {
  switch (balance) {
    case conf::Balance::kRoundRobin:
      return std::make_unique<RoundRobin>();
  }
  SLUICE_CHECK(false);
}

}  // namespace sluice::proxy
