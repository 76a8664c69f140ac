#include "conf/reader/warnings.h"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "conf/reader/loops.h"
#include "conf/reader/routes.h"
#include "conf/text/text.h"
#include "conf/text/units.h"

namespace sluice::conf {
namespace {

void WarnOfLoops(const Config& config, const Positions& positions, Errors& warnings) {
  for (const Loop& loop : FindLoops(config)) {
    const std::string path = Cat("upstreams[", loop.upstream, "].endpoints[", loop.endpoint, "]");
    const Endpoint& endpoint = config.upstreams[loop.upstream].endpoints[loop.endpoint];
    warnings.Add(
        positions.At(path + ".address"),
        Cat(path, ": ", Quoted(endpoint.address.ToString()), " is the listener ",
            Quoted(config.listeners[loop.listener].name),
            " of this proxy and leads back to this upstream: no connections to it will be made"));
  }
}

// Weight 0 drains an endpoint; an upstream without any other endpoint serves no connection.
void WarnOfDrained(const Config& config, const Positions& positions, Errors& warnings) {
  for (size_t i = 0; i < config.upstreams.size(); ++i) {
    const Upstream& upstream = config.upstreams[i];
    if (upstream.endpoints.empty() || !upstream.discover.is_off()) continue;
    const bool are_drained = std::ranges::all_of(
        upstream.endpoints, [](const Endpoint& endpoint) { return endpoint.weight == 0; });
    if (!are_drained) continue;
    const std::string path = Cat("upstreams[", i, "]");
    warnings.Add(positions.At(path + ".endpoints"),
                 Cat(path, ": every endpoint of ", Quoted(upstream.name),
                     " has weight 0: its clients wait for queue_timeout and are reset "
                     "(reason queue_timeout)"));
  }
}

// It may come later, and its directory, too.
void WarnOfMissingLists(const Config& config, const Positions& positions, Errors& warnings) {
  for (size_t i = 0; i < config.upstreams.size(); ++i) {
    const std::string& file = config.upstreams[i].discover.file;
    if (file.empty() || access(file.c_str(), F_OK) == 0) continue;
    const std::string path = Cat("upstreams[", i, "].discover.file");
    warnings.Add(positions.At(path),
                 Cat(path, ": ", Quoted(file),
                     " is not there: the upstream has no endpoints of it until it is"));
  }
}

// Their endpoints are checked and resolved, and no client comes to them.
void WarnOfUnused(const Config& config, const Positions& positions, Errors& warnings) {
  std::unordered_set<std::string_view> used;
  for (const Listener& listener : config.listeners) {
    used.insert(listener.upstream);
    for (const Route& route : listener.routes) used.insert(route.upstream);
  }
  for (const ReadyWhen& condition : config.ready_when) used.insert(condition.upstream);
  for (size_t i = 0; i < config.upstreams.size(); ++i) {
    const std::string& name = config.upstreams[i].name;
    if (used.contains(name)) continue;
    const std::string path = Cat("upstreams[", i, "].name");
    warnings.Add(positions.At(path),
                 Cat(path, ": ", Quoted(name), " is the upstream of no listener and of no route"));
  }
}

// Two with names of their own are meant.
void WarnOfSameEndpoints(const Config& config, const Positions& positions, Errors& warnings) {
  for (size_t i = 0; i < config.upstreams.size(); ++i) {
    const std::vector<Endpoint>& endpoints = config.upstreams[i].endpoints;
    std::unordered_map<std::string, size_t> first;
    for (size_t j = 0; j < endpoints.size(); ++j) {
      const auto [found, is_new] = first.emplace(endpoints[j].Place(), j);
      const bool are_named = !endpoints[j].name.empty() && !endpoints[found->second].name.empty();
      if (is_new || are_named) continue;
      const std::string endpoint = Cat("upstreams[", i, "].endpoints[");
      const std::string path = Cat(endpoint, j, "].address");
      const Position at = positions.At(path);
      const Position before = positions.At(Cat(endpoint, found->second, "].address"));
      warnings.Add(
          at,
          Cat(path, ": ", Quoted(found->first), " is here for the second time; the first is at ",
              warnings.Place(before, at), " (what gives an endpoint more sessions is its weight)"));
    }
  }
}

// `key`: of a value that another one, which `why` names, keeps from being reached.
void WarnNeverReached(const std::string& key, std::string_view value, std::string_view why,
                      const Positions& positions, Errors& warnings) {
  warnings.Add(positions.At(key), Cat(key, ": ", value, " is never reached: ", why));
}

void WarnOfLimits(const Config& config, const Positions& positions, Errors& warnings) {
  const uint32_t all = config.limits.max_connections;
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    const uint32_t own = config.listeners[i].max_connections;
    if (all == 0 || own <= all) continue;
    WarnNeverReached(Cat("listeners[", i, "].max_connections"), Cat(own),
                     Cat("limits.max_connections is ", all), positions, warnings);
  }
}

// Not of those that are inherited, which are told of once; nor of an idle time by default.
void WarnOfLifetimes(const Config& config, const Positions& positions, Errors& warnings) {
  const auto warn = [&](const Timeouts& timeouts, const std::string& path) {
    if (timeouts.max_lifetime == 0s || timeouts.idle <= timeouts.max_lifetime ||
        timeouts.idle == Timeouts().idle) {
      return;
    }
    WarnNeverReached(
        path + ".idle", FormatDuration(timeouts.idle),
        Cat("sessions end at max_lifetime (", FormatDuration(timeouts.max_lifetime), ")"),
        positions, warnings);
  };
  const Timeouts& inherited = config.defaults.timeouts;
  warn(inherited, "defaults.timeouts");
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    const Timeouts& own = config.listeners[i].timeouts;
    if (own.idle == inherited.idle && own.max_lifetime == inherited.max_lifetime) continue;
    warn(own, Cat("listeners[", i, "].timeouts"));
  }
}

// The process would never be ready. How many endpoints names and lists will bring is not known.
void WarnOfConditions(const Config& config, const Positions& positions, Errors& warnings) {
  for (size_t i = 0; i < config.ready_when.size(); ++i) {
    const ReadyWhen& condition = config.ready_when[i];
    const auto upstream = std::ranges::find(config.upstreams, condition.upstream, &Upstream::name);
    if (upstream == config.upstreams.end() || !upstream->discover.is_off()) continue;
    const std::vector<Endpoint>& endpoints = upstream->endpoints;
    if (std::ranges::any_of(endpoints, &Endpoint::is_host)) continue;
    if (condition.usable <= endpoints.size()) continue;
    const std::string path = Cat("ready_when[", i, "].usable");
    warnings.Add(
        positions.At(path),
        Cat(path, ": ", condition.usable, " is not reached: ", Quoted(upstream->name), " has ",
            endpoints.size(), endpoints.size() == 1 ? " endpoint" : " endpoints", " here"));
  }
}

void WarnOfEjections(const Config& config, const Positions& positions, Errors& warnings) {
  const auto warn = [&](const PassiveHealth& passive, const std::string& path) {
    if (passive.failures == 0 || passive.ejection <= passive.max_ejection) return;
    WarnNeverReached(
        path + ".ejection", FormatDuration(passive.ejection),
        Cat("no ejection is longer than max_ejection (", FormatDuration(passive.max_ejection), ")"),
        positions, warnings);
  };
  const PassiveHealth& inherited = config.default_upstream.passive_health;
  warn(inherited, "defaults.upstream.passive_health");
  for (size_t i = 0; i < config.upstreams.size(); ++i) {
    const PassiveHealth& own = config.upstreams[i].passive_health;
    if (own != inherited) warn(own, Cat("upstreams[", i, "].passive_health"));
  }
}

void WarnOfHashes(const Config& config, const Positions& positions, Errors& warnings) {
  for (size_t i = 0; i < config.upstreams.size(); ++i) {
    const Upstream& upstream = config.upstreams[i];
    const bool is_hashed =
        upstream.balance == Balance::kSourceHash || upstream.balance == Balance::kMaglev;
    if (is_hashed || upstream.hash.on == config.default_upstream.hash.on) continue;
    const std::string path = Cat("upstreams[", i, "].hash.on");
    warnings.Add(positions.At(path), Cat(path, ": only balance: source_hash and maglev go by it"));
  }
}

}  // namespace

void Warn(const Config& config, const Positions& positions, Errors& warnings) {
  WarnOfLoops(config, positions, warnings);
  WarnOfDrained(config, positions, warnings);
  WarnOfMissingLists(config, positions, warnings);
  WarnOfUnused(config, positions, warnings);
  WarnOfSameEndpoints(config, positions, warnings);
  WarnOfLimits(config, positions, warnings);
  WarnOfLifetimes(config, positions, warnings);
  WarnOfConditions(config, positions, warnings);
  WarnOfEjections(config, positions, warnings);
  WarnOfHashes(config, positions, warnings);
  WarnOfRoutes(config, positions, warnings);
}

}  // namespace sluice::conf
