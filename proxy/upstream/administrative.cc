#include "proxy/upstream/administrative.h"

#include <utility>

#include "absl/container/flat_hash_set.h"

namespace sluice::proxy {
namespace {

GivenEndpoint Given(const conf::Endpoint& endpoint) {
  return {.endpoint = endpoint, .state = ConfiguredState(endpoint)};
}

GivenEndpoint Given(const conf::Endpoint& endpoint, const ByHand& by_hand) {
  GivenEndpoint given = Given(endpoint);
  if (by_hand.state) given.state = *by_hand.state;
  if (by_hand.weight) given.endpoint.weight = *by_hand.weight;
  given.has_weight_by_hand = by_hand.weight.has_value();
  return given;
}

}  // namespace

AdminState ConfiguredState(const conf::Endpoint& endpoint) {
  switch (endpoint.state) {
    case conf::EndpointState::kReady:
      return AdminState::kReady;
    case conf::EndpointState::kDrain:
      return AdminState::kDrain;
    case conf::EndpointState::kMaintenance:
      return AdminState::kMaintenance;
  }
  return AdminState::kReady;
}

std::vector<GivenEndpoint> Administrative::Apply(std::span<const conf::Endpoint> configured) const {
  std::vector<GivenEndpoint> given;
  given.reserve(configured.size());
  absl::MutexLock lock(&mutex_);
  if (changes_.empty()) {  // the usual case: no name is looked at
    for (const conf::Endpoint& each : configured) given.push_back(Given(each));
    return given;
  }
  absl::flat_hash_set<std::string> names;
  for (const conf::Endpoint& each : configured) {
    const auto found = changes_.find(each.Identity());
    if (found == changes_.end()) {
      given.push_back(Given(each));
      continue;
    }
    if (found->second.removed) continue;
    names.insert(found->first);
    given.push_back(Given(each, found->second));
  }
  for (const auto& [name, by_hand] : changes_) {
    if (by_hand.added && !names.contains(name)) given.push_back(Given(*by_hand.added, by_hand));
  }
  return given;
}

uint64_t Administrative::version() const {
  absl::MutexLock lock(&mutex_);
  return version_;
}

Administrative::Changes Administrative::changes() const {
  absl::MutexLock lock(&mutex_);
  return changes_;
}

ByHand Administrative::Of(std::string_view name) const {
  absl::MutexLock lock(&mutex_);
  const auto found = changes_.find(name);
  return found == changes_.end() ? ByHand() : found->second;
}

void Administrative::Restore(Changes changes) {
  absl::MutexLock lock(&mutex_);
  changes_ = std::move(changes);
  ++version_;
}

template <typename Change>
void Administrative::Update(std::string_view name, Change change) {
  absl::MutexLock lock(&mutex_);
  auto found = changes_.find(name);
  if (found == changes_.end()) found = changes_.emplace(name, ByHand()).first;
  change(found->second);
  if (found->second == ByHand()) changes_.erase(found);
  ++version_;
}

void Administrative::SetState(std::string_view name, std::optional<AdminState> state) {
  Update(name, [state](ByHand& by_hand) { by_hand.state = state; });
}

void Administrative::SetWeight(std::string_view name, uint32_t weight) {
  Update(name, [weight](ByHand& by_hand) { by_hand.weight = weight; });
}

void Administrative::Add(const conf::Endpoint& endpoint) {
  Update(endpoint.Identity(), [&endpoint](ByHand& by_hand) {
    by_hand = {};
    by_hand.added = endpoint;
  });
}

void Administrative::Remove(std::string_view name, bool is_configured) {
  Update(name, [is_configured](ByHand& by_hand) {
    by_hand = {};
    by_hand.removed = is_configured;
  });
}

void Administrative::Reset(std::string_view name) {
  Update(name, [](ByHand& by_hand) {
    std::optional<conf::Endpoint> added = std::move(by_hand.added);
    by_hand = {};
    by_hand.added = std::move(added);
  });
}

void Administrative::Forget(std::span<const conf::Endpoint> configured) {
  absl::MutexLock lock(&mutex_);
  if (changes_.empty()) return;
  absl::flat_hash_set<std::string> names;
  for (const conf::Endpoint& each : configured) names.insert(each.Identity());
  const size_t forgotten = std::erase_if(changes_, [&names](const auto& change) {
    return !change.second.added && !names.contains(change.first);
  });
  if (forgotten > 0) ++version_;
}

}  // namespace sluice::proxy
