// ResolveOptions: whom Resolve asks, and for how long.
#ifndef SLUICE_CORE_IO_RESOLVE_OPTIONS_H_
#define SLUICE_CORE_IO_RESOLVE_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/net/address.h"

namespace sluice::core {

enum class ResolveFamily : uint8_t { kAny, kIpv4, kIpv6 };

struct ResolveOptions {
  // Name servers, in this order; port 0 is 53. None: those of resolv_conf, with the domains that it
  // searches. With some, a name is asked for as it is.
  std::vector<Address> servers;
  ResolveFamily family = ResolveFamily::kAny;
  // Of one question to one server; the second time that a server is asked it has twice as long.
  Duration timeout = 2s;
  uint32_t tries = 2;  // rounds through the servers
  // What is in it is not asked for; "": there is none.
  std::string hosts_file = "/etc/hosts";
  std::string resolv_conf = "/etc/resolv.conf";

  bool operator==(const ResolveOptions&) const = default;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_RESOLVE_OPTIONS_H_
