// Seeds on every run of the tests: SLUICE_SIM_SEEDS of them (2000) from SLUICE_SIM_FIRST (1) on. A
// failing one is shrunk and shown with its last events and the command that runs it again.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/sim/runner.h"

namespace sluice::sim {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

TEST(SimTest, Seeds) {
  RunOptions options;
  options.seed = FromEnvironment("SLUICE_SIM_FIRST", 1);
  Outcome outcome = RunSeeds(options, FromEnvironment("SLUICE_SIM_SEEDS", 2000), /*quiet=*/false);
  if (outcome.ok) return;
  const Outcome first = outcome;
  outcome = Shrink(outcome);
  outcome.options.trace = true;
  outcome = RunSeeds(outcome.options, 1, /*quiet=*/false);
  FAIL() << "seed " << first.options.seed << ": " << first.why << "\nshrunk: " << outcome.why
         << "\nreplay: " << ReplayCommand(outcome.options);
}

// The same seed is the same simulation: what a replay rests on.
TEST(SimTest, IsDeterministic) {
  RunOptions options;
  options.mutant = Mutant::kLateTimeouts;
  const Outcome once = RunSeeds(options, 2000, /*quiet=*/true);
  ASSERT_FALSE(once.ok);
  options.seed = once.options.seed;
  const Outcome again = RunSeeds(options, 1, /*quiet=*/true);
  EXPECT_EQ(again.why, once.why);
}

}  // namespace
}  // namespace sluice::sim
