#include "proxy/server/transparent.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/net/local_delivery.h"

namespace sluice::proxy {
namespace {

constexpr uint32_t kUsualTable = 100;

std::string OwnProgram() {
  std::array<char, 4096> path;
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<size_t>(size)) : "sluice";
}

// An endpoint of each family. Of names it is not known yet which they have: then it is one of IPv4,
// and where it is is not known.
std::vector<core::Address> OfEachFamily(const conf::Upstream& upstream) {
  std::vector<core::Address> found;
  for (const int family : {AF_INET, AF_INET6}) {
    const auto one = std::ranges::find_if(upstream.endpoints, [family](const auto& endpoint) {
      return endpoint.address.is_ip() && endpoint.address.family() == family;
    });
    if (one != upstream.endpoints.end()) found.push_back(one->address);
  }
  if (found.empty()) found.push_back(core::Address::Ipv4({.s_addr = INADDR_ANY}, 0));
  return found;
}

std::string Ip(const core::Address& endpoint) {
  return endpoint.family() == AF_INET ? "ip" : "ip -6";
}

// Which packets the rule is about: those that come from where the endpoint is.
std::string RuleFor(const core::Address& endpoint) {
  const std::string device = endpoint.is_any() ? "" : core::DeviceTo(endpoint);
  if (device == "lo") return absl::StrCat("from ", endpoint.HostToString(), " iif lo");
  return absl::StrCat("iif ", device.empty() ? "DEVICE" : device);
}

std::vector<std::string> WhatLacks(const core::Address& endpoint) {
  const int family = endpoint.family();
  std::vector<std::string> lacks;
  if (const int error = core::MayBeTransparent(family); error == EPERM) {
    lacks.push_back(
        absl::StrCat("this process may not take a client's address: setcap "
                     "cap_net_raw+ep ",
                     OwnProgram(),
                     " (in its unit instead: AmbientCapabilities=CAP_NET_RAW, "
                     "CapabilityBoundingSet=CAP_NET_RAW, RestrictAddressFamilies=AF_NETLINK)"));
  } else if (error != 0) {
    lacks.push_back(
        absl::StrCat("a socket cannot take a client's address: ", strerrordesc_np(error)));
  }
  core::IoResult<core::LocalDelivery> delivery = core::FindLocalDelivery(family);
  if (!delivery.ok()) {
    lacks.push_back(absl::StrCat("the routes cannot be read: ", strerrordesc_np(delivery.error())));
    return lacks;
  }
  const auto [usable_table, is_asked] = *delivery;
  const uint32_t table = usable_table != 0 ? usable_table : kUsualTable;
  if (usable_table == 0) {
    lacks.push_back(absl::StrCat("no route delivers answers to clients here: ", Ip(endpoint),
                                 " route add local ", family == AF_INET ? "0.0.0.0/0" : "::/0",
                                 " dev lo table ", table));
  }
  if (!is_asked) {
    lacks.push_back(absl::StrCat("no rule leads answers of servers to that route: ", Ip(endpoint),
                                 " rule add ", RuleFor(endpoint), " lookup ", table));
  }
  return lacks;
}

}  // namespace

absl::Status CheckTransparentSources(const conf::Config& config) {
  std::string lines;
  for (const conf::Upstream& upstream : config.upstreams) {
    if (!upstream.source_is_client) continue;
    for (const core::Address& endpoint : OfEachFamily(upstream)) {
      for (const std::string& lack : WhatLacks(endpoint)) {
        absl::StrAppend(&lines, lines.empty() ? "" : "\n", "upstream ", upstream.name,
                        ": source_address: client: ", lack);
      }
    }
  }
  return lines.empty() ? absl::OkStatus() : absl::FailedPreconditionError(lines);
}

}  // namespace sluice::proxy
