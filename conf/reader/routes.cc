#include "conf/reader/routes.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "absl/strings/ascii.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

// In the form in which names are compared.
std::string Plain(std::string_view pattern) {
  if (pattern.ends_with('.')) pattern.remove_suffix(1);
  std::string plain(pattern);
  absl::AsciiStrToLower(&plain);
  return plain;
}

bool IsTls(const Route& route) {
  return route.names_tls() || route.protocol == RouteProtocol::kTls;
}

// The routes of a listener that have been looked at, each before the ones that are asked about.
class RoutesBefore {
 public:
  explicit RoutesBefore(const std::vector<Route>& routes) : routes_(routes) {}

  void Add(size_t index) {
    const Route& route = routes_[index];
    if (!IsTls(route)) {
      std::optional<size_t>& first = protocols_[static_cast<size_t>(route.protocol)];
      if (!first) first = index;
    } else if (route.sni.empty()) {
      any_name_.push_back(index);
    }
    for (const std::string& pattern : route.sni) names_[Plain(pattern)].push_back(index);
  }

  std::optional<size_t> TakesProtocol(RouteProtocol protocol) const {
    return protocols_[static_cast<size_t>(protocol)];
  }

  // A route that takes every client with a name of `pattern` ("": with any name, or none) and with
  // one of `alpn` (empty: whatever it offers).
  std::optional<size_t> Takes(const std::string& pattern,
                              const std::vector<std::string>& alpn) const {
    if (const auto found = First(any_name_, alpn)) return found;
    if (pattern.empty()) return std::nullopt;
    if (const auto found = FirstNamed(pattern, alpn)) return found;
    for (size_t dot = pattern.find('.'); dot != pattern.npos; dot = pattern.find('.', dot + 1)) {
      if (const auto found = FirstNamed(Cat("*", pattern.substr(dot)), alpn)) return found;
    }
    return std::nullopt;
  }

 private:
  std::optional<size_t> FirstNamed(const std::string& pattern,
                                   const std::vector<std::string>& alpn) const {
    const auto found = names_.find(pattern);
    return found == names_.end() ? std::nullopt : First(found->second, alpn);
  }

  std::optional<size_t> First(const std::vector<size_t>& candidates,
                              const std::vector<std::string>& alpn) const {
    constexpr size_t kMost = 100;  // of routes with one name
    for (size_t i = 0; i < std::min(candidates.size(), kMost); ++i) {
      const std::vector<std::string>& taken = routes_[candidates[i]].alpn;
      const bool all = !alpn.empty() && std::ranges::all_of(alpn, [&](const std::string& each) {
        return std::ranges::find(taken, each) != taken.end();
      });
      if (taken.empty() || all) return candidates[i];
    }
    return std::nullopt;
  }

  const std::vector<Route>& routes_;
  std::unordered_map<std::string, std::vector<size_t>> names_;
  std::vector<size_t> any_name_;
  std::array<std::optional<size_t>, kRouteProtocolCount> protocols_;
};

// `path`: of the listener.
void WarnOfRoute(const std::vector<Route>& routes, size_t index, const RoutesBefore& before,
                 const std::string& path, const Positions& positions, Errors& warnings) {
  const Route& route = routes[index];
  const std::string here = Cat(path, ".routes[", index, "]");
  const auto never = [&](size_t taker) {
    warnings.Add(
        positions.At(here),
        Cat(here,
            ": no client takes this route: all that could are "
            "taken by the route before it, at ",
            warnings.Place(positions.At(Cat(path, ".routes[", taker, "]")), positions.At(here))));
  };
  if (!IsTls(route) || route.sni.empty()) {
    const std::optional<size_t> taker =
        IsTls(route) ? before.Takes("", route.alpn) : before.TakesProtocol(route.protocol);
    if (taker) never(*taker);
    return;
  }
  struct Taken {
    size_t pattern;
    size_t taker;
  };
  std::vector<Taken> taken;
  std::unordered_set<std::string> own;
  for (size_t i = 0; i < route.sni.size(); ++i) {
    const std::string pattern = Plain(route.sni[i]);
    if (!own.insert(pattern).second) {
      taken.push_back({i, index});
    } else if (const auto taker = before.Takes(pattern, route.alpn)) {
      taken.push_back({i, *taker});
    }
  }
  const bool is_never = taken.size() == route.sni.size() && taken[0].taker != index;
  if (is_never) return never(taken[0].taker);
  for (const auto& [pattern, taker] : taken) {
    const std::string key = Cat(here, ".sni[", pattern, "]");
    const std::string_view what =
        taker == index ? " is here for the second time" : " is taken by the route before it, at ";
    const std::string where =
        taker == index
            ? ""
            : warnings.Place(positions.At(Cat(path, ".routes[", taker, "]")), positions.At(key));
    warnings.Add(positions.At(key), Cat(key, ": ", Quoted(route.sni[pattern]), what, where));
  }
}

}  // namespace

bool WaitsForBytes(const Config& config, const Listener& listener) {
  return !listener.routes.empty() ||
         std::ranges::any_of(config.upstreams, [&listener](const Upstream& upstream) {
           return upstream.name == listener.upstream && upstream.hash.on == HashOn::kSni;
         });
}

void CheckRoutes(const Config& config, const Positions& positions, Errors& errors) {
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    for (size_t j = 0; j < config.listeners[i].routes.size(); ++j) {
      const Route& route = config.listeners[i].routes[j];
      const std::string path = Cat("listeners[", i, "].routes[", j, "]");
      const bool is_any = route.protocol == RouteProtocol::kAny;
      // One whose value could not be read has been told of.
      const auto has = [&](std::string_view key) {
        return positions.all().contains(Cat(path, key));
      };
      const bool has_any = has(".sni") || has(".alpn") || has(".protocol");
      if (!route.names_tls() && is_any) {
        if (has_any && !errors.empty()) continue;
        errors.Add(positions.At(path), Cat(path,
                                           ": it does not say which clients take it; allowed: "
                                           "sni, alpn or protocol"));
      } else if (route.names_tls() && !is_any && route.protocol != RouteProtocol::kTls) {
        errors.Add(positions.At(path + ".protocol"),
                   Cat(path, ".protocol: only TLS has ", route.sni.empty() ? "alpn" : "sni",
                       "; allowed: tls, or leave it out"));
      }
    }
  }
}

void WarnOfRoutes(const Config& config, const Positions& positions, Errors& warnings) {
  const Defaults& defaults = config.defaults;
  bool any_waits = false;
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    const Listener& listener = config.listeners[i];
    const std::string path = Cat("listeners[", i, "]");
    RoutesBefore before(listener.routes);
    for (size_t j = 0; j < listener.routes.size(); ++j) {
      WarnOfRoute(listener.routes, j, before, path, positions, warnings);
      before.Add(j);
    }
    const bool waits = WaitsForBytes(config, listener);
    any_waits |= waits;
    const std::string key = path + ".preread";
    const bool is_own = positions.all().contains(key) && listener.preread != defaults.preread;
    if (waits || !is_own) continue;
    warnings.Add(positions.At(key), Cat(key, ": without routes nothing is waited for"));
  }
  const std::string key = "defaults.preread";
  const bool is_set = positions.all().contains(key) && defaults.preread != Preread();
  if (any_waits || !is_set) return;
  warnings.Add(positions.At(key), Cat(key, ": no listener has routes, so nothing is waited for"));
}

}  // namespace sluice::conf
