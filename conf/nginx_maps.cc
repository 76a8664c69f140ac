#include "conf/nginx_maps.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

namespace sluice::conf {
namespace {

struct Entry {
  std::string name;  // "a.example.org", "*.example.org"
  ConvertedRoute route;
};

bool IsWildcard(const Entry& entry) { return entry.name.starts_with('*'); }

// Exact names first, then the longest: the order in which nginx looks, and the first route holds.
bool IsBefore(const Entry& a, const Entry& b) {
  if (IsWildcard(a) != IsWildcard(b)) return IsWildcard(b);
  if (IsWildcard(a) && a.name.size() != b.name.size()) return a.name.size() > b.name.size();
  return a.route.line < b.route.line;
}

}  // namespace

bool NginxMaps::Take(const NginxDirective& directive) {
  const std::vector<std::string>& words = directive.words;
  if (words.size() != 3 || words[1] != "$ssl_preread_server_name") return false;
  NginxMap map;
  std::vector<Entry> entries;
  bool has_wildcards = false;
  for (const NginxDirective& each : directive.block) {
    std::string_view name = each.words[0];
    if (name == "hostnames" && each.words.size() == 1) {
      has_wildcards = true;
      continue;
    }
    if (each.words.size() != 2 || each.words[1].find('$') != std::string::npos) return false;
    if (name == "default") {
      map.otherwise = each.words[1];
      continue;
    }
    const bool is_both = name.starts_with('.');
    const bool is_wildcard = name.starts_with("*.");
    if ((is_both || is_wildcard) && !has_wildcards) return false;
    if (is_both || is_wildcard) name.remove_prefix(is_both ? 1 : 2);
    if (name.empty() || name.find_first_of("*~\\ ") != name.npos || name == "include") return false;
    const auto add = [&](std::string sni) {
      ConvertedRoute route{.line = each.line, .upstream = each.words[1]};
      route.keys.Set("sni", YamlList({sni}));
      entries.push_back({.name = std::move(sni), .route = std::move(route)});
    };
    if (!is_wildcard) add(std::string(name));
    if (is_both || is_wildcard) add("*." + std::string(name));
  }
  std::ranges::sort(entries, IsBefore);
  for (Entry& each : entries) map.routes.push_back(std::move(each.route));
  maps_[words[2]] = std::move(map);
  return true;
}

const NginxMap* NginxMaps::Find(const std::string& variable) const {
  const auto found = maps_.find(variable);
  return found == maps_.end() ? nullptr : &found->second;
}

}  // namespace sluice::conf
