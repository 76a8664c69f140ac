#include "conf/reader/loops.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "conf/text/text.h"

namespace sluice::conf {
namespace {

// The same text for two UNIX addresses that are one socket, as far as the names of files tell.
std::string UnixKey(const core::Address& address) {
  const std::string text = address.ToString();
  constexpr std::string_view kPrefix = "unix:";
  if (!text.starts_with(kPrefix) || text.starts_with("unix:@")) return text;
  std::error_code error;
  const auto path = std::filesystem::weakly_canonical(text.substr(kPrefix.size()), error);
  return error ? text : std::string(kPrefix) + path.string();
}

std::string PortKey(std::string_view kind, const core::Address& address) {
  return Cat(kind, ":", address.port());
}

// What a listener may have in common with an endpoint that leads to it. So many listeners that
// share a port, each on an address of its own, are not all compared with each endpoint of it.
std::vector<std::string> KeysOfBind(const core::Address& bind) {
  if (!bind.is_ip()) return {UnixKey(bind)};
  const core::Address at = bind.Unmapped();
  if (at.is_any()) return {PortKey("any", at)};
  std::vector<std::string> keys = {at.ToString()};
  if (at.is_loopback()) keys.push_back(PortKey("loopback", at));
  return keys;
}

std::vector<std::string> KeysOfEndpoint(const core::Address& endpoint) {
  if (!endpoint.is_ip()) return {UnixKey(endpoint)};
  const core::Address to = endpoint.Unmapped();
  return {PortKey("any", to), to.is_any() ? PortKey("loopback", to) : to.ToString()};
}

bool Reaches(const core::Address& endpoint, const core::Address& bind, bool ipv6_only,
             const IsLocal& is_local) {
  if (endpoint.is_ip() != bind.is_ip()) return false;
  if (!endpoint.is_ip()) return true;  // the keys are equal
  const core::Address to = endpoint.Unmapped().WithPort(0);
  const core::Address at = bind.Unmapped().WithPort(0);
  // A connect(2) to the unspecified address goes to the loopback address.
  const bool is_loopback = to.is_any() || to.is_loopback();
  if (at.is_any()) {
    if (at.family() != to.family() && (at.family() == AF_INET || ipv6_only)) return false;
    return is_loopback || is_local(endpoint);
  }
  return at == to || (to.is_any() && at.family() == to.family() && at.is_loopback());
}

// The strongly connected components of a graph: the number of each node's.
class Components {
 public:
  explicit Components(const std::vector<std::vector<size_t>>& next)
      : next_(next), reversed_(next.size()), component_(next.size(), kNone) {
    for (size_t from = 0; from < next.size(); ++from) {
      for (const size_t to : next[from]) reversed_[to].push_back(from);
    }
    std::vector<bool> seen(next.size(), false);
    for (size_t node = 0; node < next.size(); ++node) Finish(node, seen);
    size_t number = 0;
    for (auto node = finished_.rbegin(); node != finished_.rend(); ++node) {
      if (component_[*node] == kNone) Number(*node, number++);
    }
  }

  bool Together(size_t a, size_t b) const { return component_[a] == component_[b]; }

 private:
  static constexpr size_t kNone = SIZE_MAX;

  // Nodes in the order in which a walk in depth leaves them; no recursion, chains may be long.
  void Finish(size_t root, std::vector<bool>& seen) {
    if (seen[root]) return;
    seen[root] = true;
    std::vector<std::pair<size_t, size_t>> path = {{root, 0}};  // node, edges followed
    while (!path.empty()) {
      auto& [node, followed] = path.back();
      if (followed == next_[node].size()) {
        finished_.push_back(node);
        path.pop_back();
        continue;
      }
      const size_t to = next_[node][followed++];
      if (seen[to]) continue;
      seen[to] = true;
      path.emplace_back(to, 0);
    }
  }

  void Number(size_t root, size_t number) {
    std::vector<size_t> found = {root};
    component_[root] = number;
    while (!found.empty()) {
      const size_t node = found.back();
      found.pop_back();
      for (const size_t from : reversed_[node]) {
        if (component_[from] != kNone) continue;
        component_[from] = number;
        found.push_back(from);
      }
    }
  }

  const std::vector<std::vector<size_t>>& next_;
  std::vector<std::vector<size_t>> reversed_;
  std::vector<size_t> finished_;
  std::vector<size_t> component_;
};

// The addresses that are listened on, by key: listener and the index of its address.
using Place = std::pair<size_t, size_t>;
using Listening = std::unordered_map<std::string, std::vector<Place>>;

Listening ListeningByKey(const std::vector<std::vector<core::Address>>& bound) {
  Listening listening;
  for (size_t i = 0; i < bound.size(); ++i) {
    for (size_t j = 0; j < bound[i].size(); ++j) {
      const core::Address& bind = bound[i][j];
      if (bind.is_ip() && bind.port() == 0) continue;  // the kernel will choose it
      for (std::string& key : KeysOfBind(bind)) listening[std::move(key)].emplace_back(i, j);
    }
  }
  return listening;
}

// The first listener that the endpoint leads to.
std::optional<Place> FindListener(const core::Address& endpoint, const Listening& listening,
                                  const Config& config,
                                  const std::vector<std::vector<core::Address>>& bound,
                                  const IsLocal& is_local) {
  std::optional<Place> first;
  for (const std::string& key : KeysOfEndpoint(endpoint)) {
    const auto found = listening.find(key);
    if (found == listening.end()) continue;
    for (const Place& place : found->second) {
      if (first && *first < place) break;
      const auto& [l, b] = place;
      if (!Reaches(endpoint, bound[l][b], config.listeners[l].socket.ipv6_only, is_local)) continue;
      first = place;
      break;
    }
  }
  return first;
}

using UpstreamIndex = std::unordered_map<std::string, size_t>;

// All that a listener leads to, by default or by a route.
std::vector<size_t> UpstreamsOf(const Listener& listener, const UpstreamIndex& upstreams) {
  std::vector<size_t> indices;
  const auto add = [&](const std::string& name) {
    if (const auto found = upstreams.find(name); found != upstreams.end()) {
      indices.push_back(found->second);
    }
  };
  add(listener.upstream);
  for (const Route& route : listener.routes) add(route.upstream);
  return indices;
}

}  // namespace

std::vector<Loop> FindLoops(const Config& config,
                            const std::vector<std::vector<core::Address>>& bound,
                            const IsLocal& is_local) {
  const Listening listening = ListeningByKey(bound);
  UpstreamIndex upstreams;
  for (size_t u = 0; u < config.upstreams.size(); ++u)
    upstreams.emplace(config.upstreams[u].name, u);
  std::vector<std::vector<size_t>> next(config.upstreams.size());
  std::vector<Loop> steps;  // from an upstream to a listener of ours
  for (size_t u = 0; u < config.upstreams.size(); ++u) {
    for (size_t e = 0; e < config.upstreams[u].endpoints.size(); ++e) {
      const auto place = FindListener(config.upstreams[u].endpoints[e].address, listening, config,
                                      bound, is_local);
      if (!place) continue;
      const std::vector<size_t> to = UpstreamsOf(config.listeners[place->first], upstreams);
      next[u].insert(next[u].end(), to.begin(), to.end());
      steps.push_back({u, e, place->first});
    }
  }
  if (steps.empty()) return {};
  const Components components(next);
  std::erase_if(steps, [&](const Loop& step) {
    return std::ranges::none_of(
        UpstreamsOf(config.listeners[step.listener], upstreams),
        [&](size_t upstream) { return components.Together(step.upstream, upstream); });
  });
  return steps;
}

std::vector<Loop> FindLoops(const Config& config) {
  std::vector<std::vector<core::Address>> bound;
  bound.reserve(config.listeners.size());
  for (const Listener& listener : config.listeners) bound.push_back(listener.bind);
  return FindLoops(config, bound, [](const core::Address&) { return false; });
}

}  // namespace sluice::conf
