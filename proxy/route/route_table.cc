#include "proxy/route/route_table.h"

#include <algorithm>

#include "absl/strings/string_view.h"

namespace sluice::proxy {
namespace {

constexpr std::string_view kBelow = "*.";

// Debian's abseil has a string_view of its own.
absl::string_view KeyOf(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

std::string NameOf(const conf::Route& route) {
  constexpr std::string_view kNames[] = {"any", "tls", "ssh", "http", "postgres", "mqtt", "rdp"};
  static_assert(sizeof(kNames) / sizeof(kNames[0]) == conf::kRouteProtocolCount);
  if (!route.sni.empty()) return route.sni[0];
  if (!route.alpn.empty()) return route.alpn[0];
  return std::string(kNames[static_cast<size_t>(route.protocol)]);
}

RouteTable::RouteTable(std::span<const conf::Route> routes) {
  first_of_.fill(kNone);
  for (size_t i = 0; i < routes.size(); ++i) {
    const conf::Route& route = routes[i];
    const auto index = static_cast<Index>(i);
    alpn_.push_back(route.alpn);
    const bool is_tls = route.names_tls() || route.protocol == conf::RouteProtocol::kTls;
    const conf::RouteProtocol protocol = is_tls ? conf::RouteProtocol::kTls : route.protocol;
    protocols_.Add(protocol);
    if (!is_tls) {
      Index& first = first_of_[static_cast<size_t>(protocol)];
      first = std::min(first, index);
    } else if (route.sni.empty()) {
      any_name_.push_back(index);
    }
    for (const std::string_view pattern : route.sni) {
      Candidates& candidates = pattern.starts_with(kBelow)
                                   ? below_[ServerName(pattern.substr(kBelow.size()))]
                                   : exact_[ServerName(pattern)];
      if (candidates.empty() || candidates.back() != index) candidates.push_back(index);
    }
  }
}

std::optional<size_t> RouteTable::Find(conf::RouteProtocol protocol) const {
  const Index found = first_of_[static_cast<size_t>(protocol)];
  return found == kNone ? std::nullopt : std::optional<size_t>(found);
}

std::optional<size_t> RouteTable::Find(const ClientHello& hello) const {
  Index best = Better(any_name_, hello, kNone);
  const std::string_view name = hello.sni();
  if (const auto found = exact_.find(KeyOf(name)); found != exact_.end()) {
    best = Better(found->second, hello, best);
  }
  for (size_t dot = name.find('.'); dot != name.npos; dot = name.find('.', dot + 1)) {
    const auto found = below_.find(KeyOf(name.substr(dot + 1)));
    if (found != below_.end()) best = Better(found->second, hello, best);
  }
  return best == kNone ? std::nullopt : std::optional<size_t>(best);
}

RouteTable::Index RouteTable::Better(const Candidates& candidates, const ClientHello& hello,
                                     Index best) const {
  for (const Index route : candidates) {
    if (route >= best) break;
    if (OffersOne(route, hello)) return route;
  }
  return best;
}

bool RouteTable::OffersOne(Index route, const ClientHello& hello) const {
  const std::vector<std::string>& wanted = alpn_[route];
  return wanted.empty() || std::ranges::any_of(wanted, [&hello](const std::string& protocol) {
           return hello.Offers(protocol);
         });
}

}  // namespace sluice::proxy
