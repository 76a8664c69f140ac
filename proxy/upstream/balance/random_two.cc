#include "proxy/upstream/balance/random_two.h"

#include "proxy/upstream/balance/weighted_draw.h"

namespace sluice::proxy {

std::unique_ptr<PickTable> RandomTwo::MakeTable(std::span<const EndpointMember> members) const {
  return std::make_unique<WeightedDraw>(members);
}

Endpoint* RandomTwo::Pick(const EndpointSet& set, const PickRequest& request,
                          std::span<Endpoint* const> tried) {
  return static_cast<const WeightedDraw&>(*set.table()).LessLoadedOfTwo(request, tried);
}

}  // namespace sluice::proxy
