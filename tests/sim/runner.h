// Runner: simulations in child processes. A failed check, a crash and an endless loop are the same
// to it: the seed has failed; then it looks for the smallest version that still fails.
#ifndef SLUICE_TESTS_SIM_RUNNER_H_
#define SLUICE_TESTS_SIM_RUNNER_H_

#include <cstdint>
#include <string>

#include "tests/sim/scenario.h"

namespace sluice::sim {

// Inside a simulation: tells the parent why it is about to end. See Trace::Fail.
void ReportFailure(const std::string& why);

struct Outcome {
  bool ok = true;
  RunOptions options;  // of the run that failed
  std::string why;
};

// Runs `count` seeds from options.seed on, until one fails.
Outcome RunSeeds(const RunOptions& options, uint64_t count, bool quiet);

// The smallest version found of a failing run, fewer clients and fewer faults, that fails for the
// same reason.
Outcome Shrink(const Outcome& failed);

// The command line that runs it again.
std::string ReplayCommand(const RunOptions& options);

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_RUNNER_H_
