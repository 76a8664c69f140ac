#include "proxy/server/endpoint_actions.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/sched/worker.h"
#include "core/time/sleep.h"
#include "proxy/upstream/upstream_sockets.h"

namespace sluice::proxy {
namespace {

constexpr uint32_t kMaxWeight = 256;
constexpr core::Duration kFirstLook = 2ms;
constexpr core::Duration kLongestPause = 100ms;
constexpr size_t kNamesTold = 5;

// Also in pools of its upstream that reloads have put others in the place of.
uint32_t SessionsOf(const Upstream& upstream, std::string_view name,
                    const DrainingEndpoints& draining) {
  return upstream.pool()->SessionsOf(name) +
         draining.SessionsOf(upstream.name(), name, *upstream.pool());
}

using Weights = std::unordered_map<std::string, uint32_t>;

Weights ConfiguredWeights(const Upstream& upstream) {
  Weights weights;
  for (const conf::Endpoint& each : upstream.configured())
    weights.emplace(each.Identity(), each.weight);
  return weights;
}

EndpointView ViewOf(const Upstream& upstream, const EndpointMember& member,
                    const Weights& configured, const DrainingEndpoints& draining) {
  const Endpoint& endpoint = *member.endpoint;
  EndpointView view{.upstream = upstream.name(),
                    .name = endpoint.name(),
                    .address = endpoint.address(),
                    .state = endpoint.admin_state(),
                    .weight = member.shown_weight,
                    .configured_weight = std::nullopt,
                    .max_connections = endpoint.max_connections(),
                    .priority = member.priority,
                    .is_usable = endpoint.usable(),
                    .sessions = SessionsOf(upstream, endpoint.name(), draining)};
  if (const auto found = configured.find(view.name); found != configured.end()) {
    view.configured_weight = found->second;
  }
  return view;
}

// Of one that is in the configuration.
EndpointView ViewOfRemoved(const Upstream& upstream, const conf::Endpoint& endpoint,
                           const DrainingEndpoints& draining) {
  EndpointView view{.upstream = upstream.name(),
                    .name = endpoint.Identity(),
                    .address = endpoint.address,
                    .configured_weight = endpoint.weight,
                    .max_connections = endpoint.max_connections,
                    .priority = endpoint.priority,
                    .is_removed = true};
  view.sessions = SessionsOf(upstream, view.name, draining);
  return view;
}

std::vector<EndpointView> ViewsOf(Upstream& upstream, const DrainingEndpoints& draining) {
  std::vector<EndpointView> views;
  const Weights configured = ConfiguredWeights(upstream);
  const auto set = upstream.queue().ShareSet();
  for (const EndpointMember& member : set->members()) {
    views.push_back(ViewOf(upstream, member, configured, draining));
  }
  for (const conf::Endpoint& each : upstream.configured()) {
    if (upstream.administrative().Of(each.Identity()).removed) {
      views.push_back(ViewOfRemoved(upstream, each, draining));
    }
  }
  return views;
}

// One look for each act; what has left without a trace is nothing.
absl::StatusOr<EndpointView> ViewOf(Upstream& upstream, std::string_view name,
                                    const DrainingEndpoints& draining) {
  const auto set = upstream.queue().ShareSet();
  for (const EndpointMember& member : set->members()) {
    if (member.endpoint->name() == name) {
      return ViewOf(upstream, member, ConfiguredWeights(upstream), draining);
    }
  }
  for (const conf::Endpoint& each : upstream.configured()) {
    if (each.Identity() == name) return ViewOfRemoved(upstream, each, draining);
  }
  std::string names;
  for (size_t i = 0; i < std::min(set->size(), kNamesTold); ++i) {
    absl::StrAppend(&names, i == 0 ? "" : ", ", set->endpoint(i).name());
  }
  if (set->size() > kNamesTold) absl::StrAppend(&names, " and ", set->size() - kNamesTold, " more");
  return absl::NotFoundError(absl::StrCat("upstream ", upstream.name(), " has no endpoint ",
                                          std::string(name), names.empty() ? "" : "; it has ",
                                          names));
}

absl::Status CheckPresent(Upstream& upstream, const EndpointId& id,
                          const DrainingEndpoints& draining) {
  const absl::StatusOr<EndpointView> known = ViewOf(upstream, id.name, draining);
  if (!known.ok()) return known.status();
  if (!known->is_removed) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("endpoint ", id.upstream, "/", id.name,
                                          " has been removed by hand; reset brings it back"));
}

// A thread that calls this may be none of the runtime's.
core::Instant Now(core::RuntimeHandle runtime) { return runtime.worker(0).clock().Now(); }

}  // namespace

absl::StatusOr<core::IntrusivePtr<Upstream>> EndpointActions::FindUpstream(
    std::string_view name) const {
  if (!topology_) return absl::UnavailableError("the process is ending or does not serve yet");
  const core::IntrusivePtr<Upstream>* const found = topology_->FindUpstream(name);
  if (found != nullptr) return *found;
  std::string names;
  for (const auto& each : topology_->upstreams()) {
    if (names.size() > 200) break;
    absl::StrAppend(&names, names.empty() ? "" : ", ", each->name());
  }
  return absl::NotFoundError(
      absl::StrCat("there is no upstream ", std::string(name), "; there are ", names));
}

EndpointActions::Answer EndpointActions::Do(const EndpointId& id, std::string_view what,
                                            std::string_view who, const Act& act) {
  absl::MutexLock lock(&mutex_);
  if (!rejects_.empty()) return absl::UnavailableError(rejects_);
  absl::StatusOr<core::IntrusivePtr<Upstream>> upstream = FindUpstream(id.upstream);
  if (!upstream.ok()) return upstream.status();
  if (absl::Status done = act(**upstream, Now(runtime_)); !done.ok()) return done;
  events_.Tell({EventKind::kEndpoint, id.upstream, id.name, who}, core::LogLevel::kInfo,
               "endpoint %s/%s: %s (by %s)", id.upstream, id.name, what, who);
  on_change_();
  draining_.AddSoon({(*upstream)->pool()});
  Answer view = ViewOf(**upstream, id.name, draining_);
  if (view.ok()) return view;
  EndpointView gone;
  gone.upstream = id.upstream;
  gone.name = id.name;
  gone.is_removed = true;
  gone.sessions = SessionsOf(**upstream, id.name, draining_);
  return gone;
}

EndpointActions::Answer EndpointActions::SetState(const EndpointId& id, AdminState state,
                                                  std::string_view who) {
  return Do(id, Name(state), who, [&](Upstream& upstream, core::Instant now) {
    if (absl::Status present = CheckPresent(upstream, id, draining_); !present.ok()) return present;
    upstream.SetState(id.name, state, now);
    return absl::OkStatus();
  });
}

EndpointActions::Answer EndpointActions::SetWeight(const EndpointId& id, uint32_t weight,
                                                   std::string_view who) {
  if (weight > kMaxWeight) {
    return absl::InvalidArgumentError(
        absl::StrCat("weight ", weight, ", allowed: 0 to ", kMaxWeight));
  }
  return Do(id, absl::StrCat("weight ", weight), who, [&](Upstream& upstream, core::Instant now) {
    if (absl::Status present = CheckPresent(upstream, id, draining_); !present.ok()) return present;
    upstream.SetWeight(id.name, weight, now);
    return absl::OkStatus();
  });
}

EndpointActions::Answer EndpointActions::Reset(const EndpointId& id, std::string_view who) {
  return Do(id, "reset", who, [&](Upstream& upstream, core::Instant now) {
    const Answer known = ViewOf(upstream, id.name, draining_);
    if (known.ok()) upstream.Reset(id.name, now, Locating(id.upstream));
    return known.status();
  });
}

Upstream::Prepare EndpointActions::Locating(std::string_view upstream) const {
  return [this, upstream](std::span<Endpoint* const> joining) {
    mutex_.AssertHeld();
    LocateAdded(topology_->GivenConfig(), bound_, upstream, joining);
  };
}

EndpointActions::Answer EndpointActions::Add(std::string_view upstream,
                                             const conf::Endpoint& endpoint, std::string_view who) {
  const EndpointId id{.upstream = std::string(upstream), .name = endpoint.Identity()};
  if (endpoint.weight > kMaxWeight) {
    return absl::InvalidArgumentError(
        absl::StrCat("weight ", endpoint.weight, ", allowed: 0 to ", kMaxWeight));
  }
  return Do(id, "added", who, [&](Upstream& found, core::Instant now) {
    const Answer known = ViewOf(found, id.name, draining_);
    if (known.ok() && !known->is_removed) {
      return absl::AlreadyExistsError(
          absl::StrCat("upstream ", id.upstream, " has an endpoint ", id.name, " already"));
    }
    found.Add(endpoint, Locating(upstream), now);
    return absl::OkStatus();
  });
}

EndpointActions::Answer EndpointActions::Remove(const EndpointId& id, std::string_view who) {
  return Do(id, "removed", who, [&](Upstream& upstream, core::Instant now) {
    if (absl::Status present = CheckPresent(upstream, id, draining_); !present.ok()) return present;
    upstream.Remove(id.name, now);
    return absl::OkStatus();
  });
}

void EndpointActions::Reweigh(const Upstream& upstream) {
  absl::MutexLock lock(&mutex_);
  if (!topology_) return;
  const core::IntrusivePtr<Upstream>* const in_force = topology_->FindUpstream(upstream.name());
  if (in_force == nullptr) return;
  (*in_force)->Reweigh(Now(runtime_));
  if ((*in_force)->pool()->is_draining()) draining_.AddSoon({(*in_force)->pool()});
}

// Endpoints of a topology that does not serve yet are located when it does.
bool EndpointActions::Discover(std::string_view upstream, std::string_view source,
                               Snapshot snapshot, Joiners joiners) {
  absl::MutexLock lock(&mutex_);
  const core::IntrusivePtr<Upstream>* found =
      topology_ ? topology_->FindUpstream(upstream) : nullptr;
  if (found != nullptr) {
    if (!(*found)->Discover(source, std::move(snapshot), joiners, Locating(upstream),
                            Now(runtime_))) {
      return false;
    }
    on_change_();  // what has gone has been forgotten
    draining_.AddSoon({(*found)->pool()});
    return true;
  }
  found = next_ ? next_->FindUpstream(upstream) : nullptr;
  if (found == nullptr) return false;
  const auto prepare = [](std::span<Endpoint* const>) {};
  return (*found)->Discover(source, std::move(snapshot), Joiners::kUsable, prepare, Now(runtime_));
}

void EndpointActions::Announce(core::IntrusivePtr<const Topology> next) {
  absl::MutexLock lock(&mutex_);
  std::swap(next_, next);  // what was there goes after the lock
}

EndpointActions::Answer EndpointActions::Find(const EndpointId& id) const {
  absl::MutexLock lock(&mutex_);
  absl::StatusOr<core::IntrusivePtr<Upstream>> upstream = FindUpstream(id.upstream);
  if (!upstream.ok()) return upstream.status();
  return ViewOf(**upstream, id.name, draining_);
}

std::vector<EndpointView> EndpointActions::List() const {
  core::IntrusivePtr<const Topology> topology;
  {
    absl::MutexLock lock(&mutex_);
    topology = topology_;
  }
  std::vector<EndpointView> views;
  if (!topology) return views;
  for (const core::IntrusivePtr<Upstream>& upstream : topology->upstreams()) {
    for (EndpointView& view : ViewsOf(*upstream, draining_)) views.push_back(std::move(view));
  }
  return views;
}

core::Task<bool> EndpointActions::UntilDrained(EndpointId id, core::Duration timeout) const {
  const core::Clock& clock = core::Worker::Current()->clock();
  const core::Instant until = clock.Now() + timeout;
  for (core::Duration pause = kFirstLook;; pause = std::min(2 * pause, kLongestPause)) {
    {
      absl::MutexLock lock(&mutex_);
      const absl::StatusOr<core::IntrusivePtr<Upstream>> upstream = FindUpstream(id.upstream);
      if (!upstream.ok() || SessionsOf(**upstream, id.name, draining_) == 0) co_return true;
    }
    const core::Duration left = until - clock.Now();
    if (left <= 0s || !co_await core::Sleep(std::min(pause, left))) co_return false;
  }
}

EndpointActions::Changes EndpointActions::changes() const {
  absl::MutexLock lock(&mutex_);
  return topology_ ? ChangesOf(*topology_) : last_changes_;
}

EndpointActions::Changes EndpointActions::ChangesOf(const Topology& topology) {
  Changes changes;
  for (const core::IntrusivePtr<Upstream>& upstream : topology.upstreams()) {
    Administrative::Changes some = upstream->administrative().changes();
    if (!some.empty()) changes.emplace(upstream->name(), std::move(some));
  }
  return changes;
}

void EndpointActions::Restore(Changes changes) {
  absl::MutexLock lock(&mutex_);
  if (!topology_) return;
  for (auto& [name, some] : changes) {
    const core::IntrusivePtr<Upstream>* const upstream = topology_->FindUpstream(name);
    if (upstream == nullptr) continue;
    // Before the listeners are bound nothing is located: all endpoints are, then.
    const Upstream::Prepare prepare = bound_.empty() ? Upstream::Prepare() : Locating(name);
    (*upstream)->Restore(std::move(some), prepare, Now(runtime_));
  }
}

void EndpointActions::Exchange(const std::function<void()>& exchange,
                               const core::IntrusivePtr<const Topology>& is,
                               std::vector<std::vector<core::Address>> bound) {
  core::IntrusivePtr<const Topology> was;  // goes after the lock
  absl::MutexLock lock(&mutex_);
  exchange();
  was = std::exchange(topology_, is);
  bound_ = std::move(bound);
  on_change_();  // what is not configured any more has been forgotten
}

void EndpointActions::Close() {
  core::IntrusivePtr<const Topology> was;
  absl::MutexLock lock(&mutex_);
  if (topology_) last_changes_ = ChangesOf(*topology_);
  was = std::move(topology_);
}

}  // namespace sluice::proxy
