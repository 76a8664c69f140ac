#include "proxy/upstream/discovery/named_endpoints.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::proxy {
namespace {

constexpr uint32_t kMostWeight = 256;
constexpr uint32_t kMostPriority = 255;

std::string NameAt(std::string_view name, const core::Address& address) {
  return absl::StrCat(std::string(name), "@", address.ToString());
}

uint32_t WeightOf(uint32_t weight, uint32_t largest) {
  if (largest > kMostWeight) weight = (weight * kMostWeight + largest / 2) / largest;
  return std::max(weight, 1u);
}

}  // namespace

Snapshot EndpointsOfHost(std::string_view name, uint32_t port,
                         std::span<const core::Address> addresses) {
  Snapshot endpoints;
  for (const core::Address& each : addresses) {
    const core::Address address = each.WithPort(static_cast<uint16_t>(port));
    endpoints.push_back({.address = address, .name = NameAt(name, address)});
  }
  return endpoints;
}

Snapshot EndpointsOfService(std::span<const core::ServiceTarget> targets) {
  std::map<uint32_t, uint32_t> largest;  // weight, by priority
  for (const core::ServiceTarget& target : targets) {
    uint32_t& weight = largest[target.priority];
    weight = std::max<uint32_t>(weight, target.weight);
  }
  const bool is_numbered = !largest.empty() && largest.rbegin()->first > kMostPriority;
  const auto priority_of = [&](uint32_t priority) {
    if (!is_numbered) return priority;
    const auto place = std::distance(largest.begin(), largest.find(priority));
    return std::min(static_cast<uint32_t>(place), kMostPriority);
  };
  Snapshot endpoints;
  std::set<std::string> known;
  for (const core::ServiceTarget& target : targets) {
    for (const core::Address& address : target.addresses) {
      if (!known.insert(address.ToString()).second) continue;
      endpoints.push_back({.address = address,
                           .weight = WeightOf(target.weight, largest[target.priority]),
                           .priority = priority_of(target.priority),
                           .name = NameAt(target.host, address)});
    }
  }
  return endpoints;
}

}  // namespace sluice::proxy
