#include "proxy/upstream/balance/factory.h"

#include "core/base/check.h"
#include "proxy/upstream/balance/fastest.h"
#include "proxy/upstream/balance/first.h"
#include "proxy/upstream/balance/least_connections.h"
#include "proxy/upstream/balance/maglev.h"
#include "proxy/upstream/balance/random_two.h"
#include "proxy/upstream/balance/round_robin.h"
#include "proxy/upstream/balance/source_hash.h"

namespace sluice::proxy {

std::unique_ptr<Balancer> MakeBalancer(const conf::Upstream& upstream) {
  const conf::Hash& hash = upstream.hash;
  switch (upstream.balance) {
    case conf::Balance::kRoundRobin:
      return std::make_unique<RoundRobin>();
    case conf::Balance::kLeastConnections:
      return std::make_unique<LeastConnections>();
    case conf::Balance::kRandomTwo:
      return std::make_unique<RandomTwo>();
    case conf::Balance::kSourceHash:
      return std::make_unique<SourceHash>(hash.seed, hash.max_load);
    case conf::Balance::kMaglev:
      return std::make_unique<Maglev>(hash.seed, hash.max_load);
    case conf::Balance::kFirst:
      return std::make_unique<First>();
    case conf::Balance::kFastest:
      return std::make_unique<Fastest>();
  }
  SLUICE_CHECK(false);
}

}  // namespace sluice::proxy
