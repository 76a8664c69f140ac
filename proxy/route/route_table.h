// RouteTable: the routes of a listener, and which one a client takes.
//
// The first route of the list that holds is taken, as in the other proxies' lists of rules. A route
// holds if all of what it names does: `protocol`, one of `sni`, one of `alpn`.
//
//   "example.org"     that name
//   "*.example.org"   every name below it, in one label or more: a.example.org, a.b.example.org,
//                     but not example.org itself (as in nginx; HAProxy's `-m end .example.org`)
//
// Names are compared in lower case without a dot at their end (ServerName of client_hello.h). The
// words of `alpn` are compared byte by byte (RFC 7301).
//
// A lookup takes as many steps as the name has labels, and for each of them as many as there are
// routes that name just that; it allocates nothing. Immutable; any thread.
// Checked by: tests/proxy/route/route_table_test.cc.
#ifndef SLUICE_PROXY_ROUTE_ROUTE_TABLE_H_
#define SLUICE_PROXY_ROUTE_ROUTE_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "conf/route.h"
#include "proxy/route/client_hello.h"
#include "proxy/route/first_bytes.h"

namespace sluice::proxy {

// What a record calls it: the first of its names, else of what it asks to be offered, else its
// protocol.
std::string NameOf(const conf::Route& route);

class RouteTable {
 public:
  explicit RouteTable(std::span<const conf::Route> routes);

  // Which of the routes; none: the default one. Of a client that speaks `protocol`, not TLS.
  std::optional<size_t> Find(conf::RouteProtocol protocol) const;
  // Of one that speaks TLS.
  std::optional<size_t> Find(const ClientHello& hello) const;

  // What its routes tell apart.
  ProtocolSet protocols() const { return protocols_; }

 private:
  using Index = uint32_t;
  static constexpr Index kNone = UINT32_MAX;
  // In the order of the routes.
  using Candidates = std::vector<Index>;

  // The first of `candidates` that holds, if it is before `best`; else `best`.
  Index Better(const Candidates& candidates, const ClientHello& hello, Index best) const;
  bool OffersOne(Index route, const ClientHello& hello) const;

  std::vector<std::vector<std::string>> alpn_;  // of each route
  absl::flat_hash_map<std::string, Candidates> exact_;
  absl::flat_hash_map<std::string, Candidates> below_;     // by what follows the asterisk
  Candidates any_name_;                                    // routes of TLS that name no name
  std::array<Index, conf::kRouteProtocolCount> first_of_;  // of each other protocol; kNone: none
  ProtocolSet protocols_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ROUTE_ROUTE_TABLE_H_
