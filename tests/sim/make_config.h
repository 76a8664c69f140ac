// The configuration of a simulation: what a scenario and a plan say, in the proxy's own words.
#ifndef SLUICE_TESTS_SIM_MAKE_CONFIG_H_
#define SLUICE_TESTS_SIM_MAKE_CONFIG_H_

#include <vector>

#include "conf/config.h"
#include "tests/sim/plan.h"
#include "tests/sim/scenario.h"

namespace sluice::sim {

conf::Config MakeConfig(const Scenario& scenario, const Plan& plan);

// Those that the plan has; with Scenario::discovers() they are not in the configuration.
std::vector<conf::Endpoint> EndpointsOf(const Scenario& scenario, const Plan& plan);

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_MAKE_CONFIG_H_
