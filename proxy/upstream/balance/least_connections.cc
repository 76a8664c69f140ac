#include "proxy/upstream/balance/least_connections.h"

#include "proxy/upstream/balance/weighted_draw.h"

namespace sluice::proxy {

std::unique_ptr<PickTable> LeastConnections::MakeTable(
    std::span<const EndpointMember> members) const {
  if (members.size() <= kMostForFullScan) return nullptr;
  return std::make_unique<WeightedDraw>(members);
}

Endpoint* LeastConnections::Pick(const EndpointSet& set, const PickRequest& request,
                                 std::span<Endpoint* const> tried) {
  if (set.table() != nullptr) {
    return static_cast<const WeightedDraw&>(*set.table()).LessLoadedOfTwo(request, tried);
  }
  Endpoint* least = nullptr;
  size_t behind = begin_;
  size_t index = begin_;
  for (size_t i = 0; i < set.size(); ++i, ++index) {
    if (index >= set.size()) index = 0;
    Endpoint* const endpoint = &set.endpoint(index);
    if (!MayTry(endpoint, tried)) continue;
    if (least != nullptr && !HasLessLoad(*endpoint, *least)) continue;
    least = endpoint;
    behind = index + 1;
  }
  begin_ = behind;
  return least;
}

}  // namespace sluice::proxy
