#include "tests/sim/upstream_model.h"

#include <algorithm>

namespace sluice::sim {
namespace {

constexpr uint64_t kWhole = 1000;
constexpr uint64_t kSmallestShare = kWhole / 10;

bool Contains(const Places& places, const Place* place) {
  return std::ranges::find(places, place) != places.end();
}

uint32_t ShareOf(uint32_t limit, uint64_t share) {
  return static_cast<uint32_t>((limit * share + kWhole - 1) / kWhole);
}

// No limit is more than any.
uint32_t MoreOf(uint32_t a, uint32_t b) { return a == 0 || b == 0 ? 0 : std::max(a, b); }

// Of a better priority than `place` is, there is one left that serves.
bool HasTurn(const std::vector<Pool::Member>& members, const PlannedEndpoint& place,
             const Places& tried) {
  return std::ranges::none_of(members, [&](const Pool::Member& each) {
    return each.second.priority < place.priority && each.second.serves() &&
           !Contains(tried, each.first);
  });
}

}  // namespace

uint32_t Pool::serving() const {
  return static_cast<uint32_t>(
      std::ranges::count_if(members, [](const Place* place) { return place->now.serves(); }));
}

bool Pool::was_serving() const {
  return std::ranges::any_of(at_rest, [](const Member& each) { return each.second.serves(); });
}

UpstreamModel::UpstreamModel(const Scenario& scenario, const SimClock& clock, Trace& trace)
    : scenario_(scenario), clock_(clock), trace_(trace), plan_(FirstPlan(scenario)) {
  current_ = &pools_.emplace_back();
  Join(plan_, /*at_start=*/true);
  Rested();
}

void UpstreamModel::Reloaded(bool in_force) {
  const std::optional<Plan> next = std::exchange(expected_, std::nullopt);
  if (in_force && next) PutInForce(*next);
}

void UpstreamModel::Found() {
  const std::optional<Plan> next = std::exchange(found_, std::nullopt);
  if (next) PutInForce(*next);
}

void UpstreamModel::PutInForce(const Plan& next) {
  trace_.Add("in force: %s", next.ToString());
  if (next.upstream != plan_.upstream) Switch();
  Join(next, /*at_start=*/next.upstream != plan_.upstream);
  plan_ = next;
}

// Another upstream takes the place of the one before, which is removed.
void UpstreamModel::Switch() {
  current_->is_removed = true;
  ++current_->changes;
  for (Place* place : current_->members) {
    place->late_at = clock_.Now() + scenario_.removed_timeout;
  }
  current_ = &pools_.emplace_back();
  switched_ = true;
}

void UpstreamModel::Join(const Plan& plan, bool at_start) {
  Pool& pool = *current_;
  pool.upstream = plan.upstream;
  std::erase_if(pool.members, [&](Place* place) {
    if (plan.endpoints[place->endpoint].is_in) return false;
    Leave(*place);
    pool.drained.erase(place->endpoint);  // what a configuration drops is forgotten
    pool.left.push_back(place);
    return true;
  });
  for (uint32_t i = 0; i < plan.endpoints.size(); ++i) {
    if (!plan.endpoints[i].is_in) continue;
    const auto known = std::ranges::find(pool.members, i, &Place::endpoint);
    if (known != pool.members.end()) {
      Configure(**known, plan.endpoints[i], at_start);
      continue;
    }
    PlannedEndpoint none = plan.endpoints[i];
    none.weight = 0;
    Place& place = places_.emplace_back(Place{.endpoint = i, .now = none});
    place.most_limit = plan.endpoints[i].limit;
    place.is_new = !at_start && scenario_.has(Fault::kChecks);
    place.now.is_out = place.is_new;
    place.now.is_drained = pool.drained.contains(i);
    pool.members.push_back(&place);
    Configure(place, plan.endpoints[i], at_start);
  }
  if (pool.policy != plan.policy) ++pool.policies;
  pool.policy = plan.policy;
  pool.hashes = plan.hashes();
  ++pool.changes;
  ++pool.changes_of_members;
  pool.sticks.clear();
  changed_ = true;
}

void UpstreamModel::SetOut(Place& place, bool is_out) {
  if (place.now.is_out == is_out) return;
  PlannedEndpoint next = place.now;
  next.is_out = is_out;
  Change(place, next);
}

void UpstreamModel::SetDrained(uint32_t endpoint, bool is_drained) {
  Pool& pool = current();
  if (is_drained) {
    pool.drained.insert(endpoint);
  } else {
    pool.drained.erase(endpoint);
  }
  const auto found = std::ranges::find(pool.members, endpoint, &Place::endpoint);
  if (found == pool.members.end()) return;
  Place& place = **found;
  if (place.now.is_drained == is_drained) return;
  PlannedEndpoint next = place.now;
  next.is_drained = is_drained;
  Change(place, next);
}

// By something other than a plan.
void UpstreamModel::Change(Place& place, const PlannedEndpoint& next) {
  if (place.now.is_in) {
    ConfigureAs(place, next, /*at_start=*/false);
  } else {
    place.now = next;
  }
  for (Pool& pool : pools_) {
    if (std::ranges::find(pool.members, &place) == pool.members.end()) continue;
    ++pool.changes;
    pool.sticks.clear();
  }
  changed_ = true;
}

void UpstreamModel::Configure(Place& place, PlannedEndpoint next, bool at_start) const {
  next.is_out = place.now.is_out;
  next.is_drained = place.now.is_drained;
  ConfigureAs(place, next, at_start);
}

void UpstreamModel::ConfigureAs(Place& place, const PlannedEndpoint& next, bool at_start) const {
  if (!at_start && scenario_.slow_start > 0s && !place.now.serves() && next.serves()) {
    place.ramp_from = clock_.Now();
    place.ramp_by.reset();
    place.ramp_is_new = true;
  }
  place.now = next;
  place.most_limit = MoreOf(place.most_limit, next.limit);
  place.most_weight = std::max(place.most_weight, next.served_weight());
}

void UpstreamModel::Leave(Place& place) {
  place.left_at = clock_.Now();
  place.late_at = clock_.Now() + scenario_.removed_timeout;
  place.now.is_in = false;
  place.now.weight = 0;
}

// Those who were given slots use them now.
void UpstreamModel::Rested() {
  if (!changed_) return;
  changed_ = false;
  switched_ = false;
  for (Pool& pool : pools_) {
    pool.at_rest.clear();
    for (Place* place : pool.members) {
      pool.at_rest.emplace_back(place, place->now);
      place->most_limit = place->now.limit;
      place->most_weight = place->now.served_weight();
      place->served_at_rest = place->now.serves();
      place->ramp_is_new = false;
    }
    pool.left.clear();
    pool.changes = 0;
    pool.changes_of_members = 0;
  }
}

Place* UpstreamModel::Find(Pool& pool, uint32_t endpoint) const {
  for (const std::vector<Place*>* places : {&pool.members, &pool.left}) {
    const auto found = std::ranges::find(*places, endpoint, &Place::endpoint);
    if (found != places->end()) return *found;
  }
  return nullptr;
}

Pool* UpstreamModel::FindPool(uint32_t upstream, uint32_t endpoint) {
  Pool* found = nullptr;
  for (Pool& pool : pools_) {
    if (pool.upstream != upstream || Find(pool, endpoint) == nullptr) continue;
    if (found != nullptr) return nullptr;
    found = &pool;
  }
  return found;
}

std::vector<Place*> UpstreamModel::AllNamed(uint32_t upstream, uint32_t endpoint) {
  std::vector<Place*> all;
  for (Pool& pool : pools_) {
    Place* const place = pool.upstream == upstream ? Find(pool, endpoint) : nullptr;
    if (place != nullptr) all.push_back(place);
  }
  return all;
}

bool UpstreamModel::Accepts(const Pool& pool, const Place& place, const Places& tried) {
  if (!place.now.serves() || Contains(tried, &place)) return false;
  return std::ranges::none_of(pool.members, [&](const Place* each) {
    return each->now.priority < place.now.priority && each->now.serves() && !Contains(tried, each);
  });
}

bool UpstreamModel::AcceptedAtRest(const Pool& pool, const Place& place, const Places& tried) {
  const auto was =
      std::ranges::find(pool.at_rest, &place, [](const Pool::Member& each) { return each.first; });
  if (was == pool.at_rest.end() || !was->second.serves()) return true;
  return HasTurn(pool.at_rest, was->second, tried);
}

core::Duration UpstreamModel::RampStep() const {
  return std::clamp<core::Duration>(scenario_.slow_start / 100, 10ms, 1s) + kTolerance;
}

bool UpstreamModel::HasRoom(const Place& place) const {
  uint32_t limit = place.now.limit;
  if (limit == 0) return true;
  if (place.ramp_from) {
    const core::Duration length = scenario_.slow_start / 100 * 102 + 2 * RampStep();
    const bool is_over = place.ramp_by && clock_.Now() > *place.ramp_by + length;
    if (!is_over) limit = ShareOf(limit, kSmallestShare);
  }
  return place.used + place.unsure < limit;
}

std::optional<uint32_t> UpstreamModel::MostOf(const Place& place) const {
  if (place.most_limit == 0) return std::nullopt;
  if (!place.ramp_from) return place.most_limit;
  // One that has been drained for no time at all may have given a slot before.
  if (place.served_at_rest && place.ramp_is_new) return place.most_limit;
  const core::Duration ramped = clock_.Now() + kTolerance - *place.ramp_from;
  const auto share = static_cast<uint64_t>(static_cast<int64_t>(kWhole) * ramped.count() /
                                           scenario_.slow_start.count());
  return ShareOf(place.most_limit, std::clamp(share, kSmallestShare, kWhole));
}

void UpstreamModel::Asked(Pool& pool) const {
  if (scenario_.slow_start == 0s) return;
  for (Place* place : pool.members) {
    if (place->ramp_from && !place->ramp_by) place->ramp_by = clock_.Now() + RampStep();
  }
}

}  // namespace sluice::sim
