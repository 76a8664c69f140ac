#include "tests/sim/plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/sim/random.h"

namespace sluice::sim {
namespace {

constexpr uint64_t kStreamPlans = 100;  // one for each plan
constexpr uint32_t kSourceHash = 3;     // numbers of conf::Balance
constexpr uint32_t kMaglev = 4;

uint32_t Limit(const Scenario& s, Random& random) {
  const auto limit = random.Chance(150) ? 0 : static_cast<uint32_t>(random.Between(1, 4));
  return s.has(Fault::kEndpointLimit) ? limit : 0;
}

uint32_t Weight(const Scenario& s, Random& random) {
  const auto weight = random.Chance(250) ? 0 : static_cast<uint32_t>(random.Between(1, 3));
  return s.has(Fault::kWeights) ? weight : 1;
}

uint32_t Priority(const Scenario& s, Random& random) {
  const auto priority = static_cast<uint32_t>(random.Below(3));
  return s.has(Fault::kPriorities) ? priority : 0;
}

void Change(const Scenario& s, Random& random, PlannedEndpoint& endpoint) {
  const uint32_t limit = Limit(s, random);
  const uint32_t weight = Weight(s, random);
  const uint32_t priority = Priority(s, random);
  const bool is_new = !endpoint.is_in;
  if (random.Chance(500)) endpoint.is_in = !endpoint.is_in;
  if (is_new || random.Chance(500)) endpoint.limit = limit;
  if (is_new || random.Chance(400)) endpoint.weight = weight;
  if (is_new || random.Chance(200)) endpoint.priority = priority;
}

}  // namespace

bool Plan::hashes() const { return policy == kSourceHash || policy == kMaglev; }

uint32_t Plan::serving() const {
  return static_cast<uint32_t>(std::ranges::count_if(endpoints, &PlannedEndpoint::serves));
}

std::string Plan::ToString() const {
  std::string text = absl::StrCat("upstream ", upstream, ", policy ", policy, ":");
  for (size_t i = 0; i < endpoints.size(); ++i) {
    const PlannedEndpoint& each = endpoints[i];
    if (!each.is_in) continue;
    absl::StrAppend(&text, " [", i, "] weight ", each.weight, " limit ", each.limit, " priority ",
                    each.priority);
  }
  return text;
}

Plan FirstPlan(const Scenario& s) {
  Random random(s.options.seed, kStreamPlans);
  Plan plan;
  plan.policy = s.policy;
  for (uint32_t i = 0; i < s.endpoints; ++i) {
    const uint32_t weight = Weight(s, random);
    const uint32_t priority = Priority(s, random);
    plan.endpoints[i] = {
        .is_in = true, .weight = weight, .limit = s.endpoint_limits[i], .priority = priority};
  }
  return plan;
}

Plan NextPlan(const Scenario& s, const Plan& before, uint64_t number) {
  Plan plan = before;
  if (!s.has(Fault::kReload)) return plan;
  Random random(s.options.seed, kStreamPlans + number);
  if (random.Chance(150)) plan.upstream = 1 - plan.upstream;
  for (PlannedEndpoint& endpoint : plan.endpoints) {
    if (random.Chance(400)) Change(s, random, endpoint);
  }
  const size_t last = random.Below(plan.endpoints.size());
  if (std::ranges::none_of(plan.endpoints, &PlannedEndpoint::is_in)) {
    plan.endpoints[last].is_in = true;
  }
  auto policy = static_cast<uint32_t>(random.Below(Scenario::kPolicies));
  if (random.Chance(500)) policy = random.Chance(500) ? kSourceHash : kMaglev;
  if (random.Chance(400) && s.has(Fault::kPolicy)) plan.policy = policy;
  return plan;
}

}  // namespace sluice::sim
