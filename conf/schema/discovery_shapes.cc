#include "conf/schema/discovery_shapes.h"

#include <string>

#include "conf/schema/name_scalars.h"
#include "conf/schema/scalars.h"

namespace sluice::conf {
namespace {

constexpr Duration kDay = 24h;
constexpr uint32_t kConnectionsMax = 10'000'000;

// No item: those of /etc/resolv.conf.
List NameServers(std::vector<core::Address>& servers) {
  return {.what = std::string(kNameServerForms),
          .size = [&servers] { return servers.size(); },
          .add = [&servers] { servers.emplace_back(); },
          .item = [&servers](size_t i) { return NameServer(servers[i]); },
          .takes_single = true,
          .may_be_empty = true};
}

Shape ShapeOf(DiscoverDns& dns) {
  return Map{[&dns](Visitor& v) {
    v.Optional("name", HostNameOrEmpty(dns.name));
    v.Optional("port", Count(dns.port, 0, 65535));
    v.Optional("srv", HostNameOrEmpty(dns.srv));
  }};
}

}  // namespace

Shape ShapeOf(Dns& dns) {
  return Map{[&dns](Visitor& v) {
    v.Optional("servers", NameServers(dns.servers));
    v.Optional("family", OneOf(dns.family, {{"any", DnsFamily::kAny},
                                            {"ipv4", DnsFamily::kIpv4},
                                            {"ipv6", DnsFamily::kIpv6}}));
    v.Optional("min_ttl", Time(dns.min_ttl, 100ms, kDay));
    v.Optional("max_ttl", Time(dns.max_ttl, 100ms, 7 * kDay));
    v.Optional("timeout", Time(dns.timeout, 10ms, 1min));
  }};
}

Shape ShapeOf(Discover& discover) {
  return Map{[&discover](Visitor& v) {
    v.Optional("file", PathOrEmpty(discover.file, "none"));
    v.Optional("dns", ShapeOf(discover.dns));
  }};
}

Map ShapeOfListed(Endpoint& endpoint) {
  return Map{[&endpoint](Visitor& v) {
    v.Required("address", EndpointAddress(endpoint.address));
    v.Optional("name", NameOrEmpty(endpoint.name, "its address"));
    v.Optional("weight", Count(endpoint.weight, 0, 256));
    v.Optional("max_connections", Count(endpoint.max_connections, 0, kConnectionsMax));
    v.Optional("priority", Count(endpoint.priority, 0, 255));
    v.Optional("state", OneOf(endpoint.state, {{"ready", EndpointState::kReady},
                                               {"drain", EndpointState::kDrain},
                                               {"maintenance", EndpointState::kMaintenance}}));
  }};
}

}  // namespace sluice::conf
