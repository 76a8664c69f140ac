#include "proxy/upstream/discovered.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::proxy {
namespace {

std::vector<SourceSpec> SourcesIn(const EndpointsAsWritten& written) {
  conf::Upstream upstream;
  upstream.endpoints = written.endpoints;
  upstream.discover = written.discover;
  return SourcesOf(upstream);
}

// What `name` says of all endpoints that it stands for.
conf::Endpoint Like(const conf::Endpoint& name, conf::Endpoint found) {
  found.weight = name.weight;
  found.max_connections = name.max_connections;
  found.priority = name.priority;
  if (!name.name.empty()) found.name = absl::StrCat(name.name, "@", found.address.ToString());
  return found;
}

}  // namespace

bool EndpointsAsWritten::has_sources() const {
  return !discover.is_off() || std::ranges::any_of(endpoints, &conf::Endpoint::is_host);
}

std::vector<conf::Endpoint> Discovered::Expand(const EndpointsAsWritten& written) const {
  if (!written.has_sources()) return written.endpoints;
  std::vector<conf::Endpoint> expanded;
  absl::MutexLock lock(&mutex_);
  const auto found = [this](const SourceSpec& spec) -> const Snapshot& {
    mutex_.AssertHeld();
    static const Snapshot kNothing;
    const auto known = found_.find(spec.Key());
    return known == found_.end() ? kNothing : known->second;
  };
  for (const conf::Endpoint& each : written.endpoints) {
    if (!each.is_host()) {
      expanded.push_back(each);
      continue;
    }
    for (const conf::Endpoint& one : found(SpecOf(each))) expanded.push_back(Like(each, one));
  }
  for (const SourceSpec& spec : SourcesIn({.endpoints = {}, .discover = written.discover})) {
    const Snapshot& some = found(spec);
    expanded.insert(expanded.end(), some.begin(), some.end());
  }
  return expanded;
}

bool Discovered::Set(std::string_view source, Snapshot snapshot) {
  absl::MutexLock lock(&mutex_);
  const auto known = found_.find(source);
  if (known != found_.end() && known->second == snapshot) return false;
  found_.insert_or_assign(std::string(source), std::move(snapshot));
  ++version_;
  return true;
}

uint64_t Discovered::version() const {
  absl::MutexLock lock(&mutex_);
  return version_;
}

bool Discovered::KnowsAll(const EndpointsAsWritten& written) const {
  const std::vector<SourceSpec> specs = SourcesIn(written);
  absl::MutexLock lock(&mutex_);
  return std::ranges::all_of(specs, [this](const SourceSpec& spec) {
    mutex_.AssertHeld();
    return found_.contains(spec.Key());
  });
}

void Discovered::KeepOnly(const EndpointsAsWritten& written) {
  std::set<std::string> keys;
  for (const SourceSpec& spec : SourcesIn(written)) keys.insert(spec.Key());
  absl::MutexLock lock(&mutex_);
  std::erase_if(found_, [&keys](const auto& each) { return !keys.contains(each.first); });
}

}  // namespace sluice::proxy
