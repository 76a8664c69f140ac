#include "proxy/upstream/balance/first.h"

namespace sluice::proxy {

Endpoint* First::Pick(const EndpointSet& set, const PickRequest&,
                      std::span<Endpoint* const> tried) {
  for (const EndpointMember& member : set.members()) {
    if (MayTry(member.endpoint, tried)) return member.endpoint;
  }
  return nullptr;
}

}  // namespace sluice::proxy
