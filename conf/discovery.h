// Where endpoints come from while the process runs, and who is asked for names, as plain data.
#ifndef SLUICE_CONF_DISCOVERY_H_
#define SLUICE_CONF_DISCOVERY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/net/address.h"

namespace sluice::conf {

enum class DnsFamily { kAny, kIpv4, kIpv6 };

// A name that endpoints are looked for under: of hosts, which all have this port, or of a service,
// whose SRV records have the ports.
struct DiscoverDns {
  std::string name;  // "": none
  uint32_t port = 0;
  std::string srv;  // "": none

  bool operator==(const DiscoverDns&) const = default;
};

// Where an upstream's endpoints come from, besides those that it names itself.
struct Discover {
  std::string file;  // the path of a list (conf/endpoint_list.h); "": none
  DiscoverDns dns;

  bool is_off() const { return file.empty() && dns.name.empty() && dns.srv.empty(); }
  bool operator==(const Discover&) const = default;
};

// Who is asked for names, and how long an answer is believed.
struct Dns {
  std::vector<core::Address> servers;  // port 0 is 53; none: those of /etc/resolv.conf
  DnsFamily family = DnsFamily::kAny;
  core::Duration min_ttl = 1s;
  core::Duration max_ttl = 5min;
  core::Duration timeout = 2s;  // of a question to one server

  bool operator==(const Dns&) const = default;
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_DISCOVERY_H_
