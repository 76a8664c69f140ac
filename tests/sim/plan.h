// Plan: what one configuration of a simulation says of the upstream: which endpoints it has, and
// what is configured of each. A reload (Fault::kReload) puts the next plan in force.
#ifndef SLUICE_TESTS_SIM_PLAN_H_
#define SLUICE_TESTS_SIM_PLAN_H_

#include <array>
#include <cstdint>
#include <string>

#include "tests/sim/scenario.h"

namespace sluice::sim {

struct PlannedEndpoint {
  bool is_in = false;
  uint32_t weight = 1;
  uint32_t limit = 0;  // of its connections; 0: none
  uint32_t priority = 0;
  // Not planned:
  bool is_out = false;      // health keeps sessions away
  bool is_drained = false;  // ... and an administrator

  bool serves() const { return is_in && weight > 0 && !is_out && !is_drained; }
  uint32_t served_weight() const { return serves() ? weight : 0; }
};

struct Plan {
  using Endpoints = std::array<PlannedEndpoint, Scenario::kEndpointsMax>;

  // Two upstreams take each other's places: the one that is not named is removed.
  uint32_t upstream = 0;
  uint32_t policy = 0;  // the number of a conf::Balance
  Endpoints endpoints;

  bool hashes() const;  // the policy goes by sources
  uint32_t serving() const;
  std::string ToString() const;
};

// That of the start.
Plan FirstPlan(const Scenario& scenario);

// That of reload `number`, which takes the place of `before`.
Plan NextPlan(const Scenario& scenario, const Plan& before, uint64_t number);

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_PLAN_H_
