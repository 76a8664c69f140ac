#include "proxy/upstream/endpoint_pool.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "core/base/atomic.h"
#include "proxy/upstream/balance/pick.h"

namespace sluice::proxy {
namespace {

constexpr core::Duration kLookEvery = 1s;

}  // namespace

EndpointPool::EndpointPool(std::string upstream, const SetPolicy& policy,
                           std::span<const GivenEndpoint> endpoints, uint32_t workers)
    : upstream_(std::move(upstream)) {
  std::shared_ptr<const EndpointSet> set = MakeSet(policy, endpoints);
  absl::MutexLock lock(&mutex_);
  current_.swap(next_);
  queue_ = std::make_unique<EndpointQueue>(workers, std::move(set));
  health_ = std::make_unique<UpstreamHealth>(upstream_, *queue_);
}

// An upstream may have one address without a name several times: each takes another object of the
// current set.
std::shared_ptr<const EndpointSet> EndpointPool::MakeSet(const SetPolicy& policy,
                                                         std::span<const GivenEndpoint> endpoints,
                                                         Joiners joiners) {
  absl::MutexLock lock(&mutex_);
  std::unordered_multimap<std::string_view, Endpoint*> known;
  PassedOver passed_over;
  const std::shared_ptr<const EndpointSet> current =
      queue_ == nullptr ? nullptr : queue_->ShareSet();
  for (size_t i = current == nullptr ? 0 : current->size(); i > 0; --i) {
    Endpoint& endpoint = current->endpoint(i - 1);
    if (endpoint.end_of_sessions()->cancelled()) {
      passed_over.ended.emplace(endpoint.name(), &endpoint);
    } else {
      known.emplace(endpoint.name(), &endpoint);
    }
  }
  for (std::unique_ptr<Known>& each : std::exchange(next_, {})) {  // of a set that was let go
    passed_over.let_go.emplace(each->endpoint.name(), &each->endpoint);
    former_.push_back(std::move(each));
  }
  std::vector<EndpointMember> members;
  members.reserve(endpoints.size());
  for (const auto& [each, state, has_weight_by_hand] : endpoints) {
    std::string name = each.Identity();
    Endpoint* endpoint = nullptr;
    const auto found = known.find(name);
    if (found != known.end() && found->second->address() == each.address) {
      endpoint = found->second;
      known.erase(found);
    } else {
      endpoint = &Join(each.address, std::move(name), joiners, passed_over);
    }
    members.push_back({.endpoint = endpoint,
                       .weight = each.weight,
                       .max_connections = each.max_connections,
                       .priority = each.priority,
                       .state = state,
                       .shown_weight = each.weight});
  }
  if (health_ != nullptr) health_->ApplyAgents(endpoints, members);
  std::shared_ptr<const EndpointSet> set = MakeEndpointSet(std::move(members), policy);
  Free();
  // Also where no endpoint ever leaves: each that has gone still takes the memory of its set.
  std::erase_if(sets_, [](const std::weak_ptr<const EndpointSet>& each) { return each.expired(); });
  sets_.push_back(set);
  return set;
}

// Nothing has been tried of it. But where it is does not change because its sessions were told to
// end, nor what its agent has said, which only its agent takes back. One of a set that was let go
// has been located last; what it knows of its agent it has from the one that was told to end.
Endpoint& EndpointPool::Join(const core::Address& address, std::string name, Joiners joiners,
                             const PassedOver& passed_over) {
  next_.push_back(std::make_unique<Known>(address, std::move(name), joiners));
  Endpoint& endpoint = next_.back()->endpoint;
  const auto in = [&](const ByName& some) -> const Endpoint* {
    const auto found = some.find(endpoint.name());
    return found != some.end() && found->second->address() == address ? found->second : nullptr;
  };
  const Endpoint* const ended = in(passed_over.ended);
  const Endpoint* const let_go = in(passed_over.let_go);
  if (const Endpoint* const located = let_go != nullptr ? let_go : ended; located != nullptr) {
    endpoint.set_own_listener(located->own_listener());
    endpoint.set_may_be_itself(located->may_be_itself());
  }
  const Endpoint* const told = ended != nullptr ? ended : let_go;
  if (told != nullptr) health_->InheritAgent(*told, endpoint);
  return endpoint;
}

void EndpointPool::MoveMembers(AllKnown& from, const Members& members, AllKnown& current) {
  const auto first = std::partition(
      from.begin(), from.end(),
      [&](const std::unique_ptr<Known>& each) { return !members.contains(&each->endpoint); });
  std::move(first, from.end(), std::back_inserter(current));
  from.erase(first, from.end());
}

// A member may be among the former ones, because a set was made and let go of meanwhile.
void EndpointPool::Publish(std::shared_ptr<const EndpointSet> set,
                           std::optional<core::Instant> late_at) {
  Members members;
  for (const EndpointMember& member : set->members()) members.insert(member.endpoint);
  queue_->Publish(std::move(set));
  health_->changed().All();
  absl::MutexLock lock(&mutex_);
  AllKnown current;
  MoveMembers(current_, members, current);
  MoveMembers(next_, members, current);
  MoveMembers(former_, members, current);
  current_.swap(current);
  for (std::unique_ptr<Known>& each : current) {  // those that leave
    if (late_at) each->late_at = std::min(each->late_at.value_or(*late_at), *late_at);
    former_.push_back(std::move(each));
  }
}

void EndpointPool::Retire(core::Instant late_at) {
  queue_->Close();
  absl::MutexLock lock(&mutex_);
  is_retired_ = true;
  for (const std::unique_ptr<Known>& each : current_) {  // some may have less time already
    each->late_at = std::min(each->late_at.value_or(late_at), late_at);
  }
}

void EndpointPool::SetLateAt(std::string_view name, std::optional<core::Instant> late_at) {
  absl::MutexLock lock(&mutex_);
  for (const std::unique_ptr<Known>& each : current_) {
    if (each->endpoint.name() == name) each->late_at = late_at;
  }
}

uint32_t EndpointPool::SessionsOf(std::string_view name) const {
  uint32_t sessions = 0;
  absl::MutexLock lock(&mutex_);
  for (const AllKnown* all : {&former_, &current_}) {
    for (const std::unique_ptr<Known>& each : *all) {
      if (each->endpoint.name() == name) sessions += each->endpoint.sessions();
    }
  }
  return sessions;
}

core::Instant EndpointPool::EndLate(core::Instant now) {
  core::Instant next = now + kLookEvery;
  absl::MutexLock lock(&mutex_);
  for (const AllKnown* all : {&former_, &current_}) {
    for (const std::unique_ptr<Known>& each : *all) {
      if (!each->late_at) continue;
      if (*each->late_at > now) {
        next = std::min(next, *each->late_at);
      } else if (!each->end_of_sessions.cancelled()) {
        each->end_of_sessions.Cancel();
      }
    }
  }
  Free();
  return next;
}

// A session takes its reference while it has a set with the endpoint: what is in no set any more
// and has no reference gets none again.
void EndpointPool::Free() {
  if (former_.empty()) return;
  absl::flat_hash_set<const Endpoint*> in_sets;
  std::erase_if(sets_, [&in_sets](const std::weak_ptr<const EndpointSet>& each) {
    const std::shared_ptr<const EndpointSet> set = each.lock();
    if (set == nullptr) return true;
    for (const EndpointMember& member : set->members()) in_sets.insert(member.endpoint);
    return false;
  });
  core::AtomicFence(std::memory_order_acquire);
  std::erase_if(former_, [&in_sets](const std::unique_ptr<Known>& each) {
    return !each->endpoint.is_referenced() && !in_sets.contains(&each->endpoint);
  });
}

bool EndpointPool::is_draining() const {
  absl::MutexLock lock(&mutex_);
  return !former_.empty() || is_retired_ ||
         std::ranges::any_of(current_, [](const std::unique_ptr<Known>& each) {
           return each->late_at && !each->end_of_sessions.cancelled();
         });
}

void EndpointPool::EndSessions() {
  absl::MutexLock lock(&mutex_);
  for (const AllKnown* all : {&former_, &current_, &next_}) {
    for (const std::unique_ptr<Known>& each : *all) each->end_of_sessions.Cancel();
  }
}

size_t EndpointPool::former() const {
  absl::MutexLock lock(&mutex_);
  return former_.size();
}

size_t EndpointPool::sets() const {
  absl::MutexLock lock(&mutex_);
  return sets_.size();
}

}  // namespace sluice::proxy
