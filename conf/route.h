// Routes of a listener: to which upstream a connection goes, by what its client sends first, as
// plain data.
#ifndef SLUICE_CONF_ROUTE_H_
#define SLUICE_CONF_ROUTE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "core/base/time.h"

namespace sluice::conf {

// What a client speaks; kAny: the other keys of the route decide.
enum class RouteProtocol { kAny, kTls, kSsh, kHttp, kPostgres, kMqtt, kRdp };
inline constexpr size_t kRouteProtocolCount = 7;

// Of a connection for which no route can be found.
enum class NoRoute { kDefault, kReject };

// How long, and for what, a listener with routes waits.
struct Preread {
  core::Duration timeout = 3s;
  NoRoute on_timeout = NoRoute::kDefault;
  NoRoute not_tls = NoRoute::kDefault;

  bool operator==(const Preread&) const = default;
};

// All of what it names has to hold; of several names, or of several protocols of TLS, one.
struct Route {
  std::vector<std::string> sni = {};   // "example.org", or "*.example.org": below it
  std::vector<std::string> alpn = {};  // as the client offers them
  RouteProtocol protocol = RouteProtocol::kAny;
  std::string upstream = {};  // the name of one of Config::upstreams

  // Only TLS has these.
  bool names_tls() const { return !sni.empty() || !alpn.empty(); }
  bool operator==(const Route&) const = default;
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_ROUTE_H_
