// Every planted mistake is found, soon, and the failure shrinks to one that still fails.
#include <gtest/gtest.h>

#include "tests/sim/runner.h"

namespace sluice::sim {
namespace {

constexpr uint64_t kSeeds = 2000;  // as many as sim_test runs

// Few seeds meet these, and none of the first kSeeds.
uint64_t FirstSeedFor(Mutant mutant) {
  if (mutant == Mutant::kManyBlocks) return 2400;
  if (mutant == Mutant::kOthersError) return 2020;
  if (mutant == Mutant::kLingersOn) return 3600;
  return mutant == Mutant::kKeepsPolicy ? 3220 : 1;
}

class MutantTest : public ::testing::TestWithParam<int> {};

TEST_P(MutantTest, IsFound) {
  if (GetParam() == static_cast<int>(Mutant::kForgetStarved)) {
    GTEST_SKIP() << "nobody starves beside a reserve; fuzz:reactor_test plants this one";
  }
  if (GetParam() == static_cast<int>(Mutant::kLoseRead)) {
    GTEST_SKIP() << "the proxy reads into no memory of its own; fuzz:reactor_test plants this one";
  }
  RunOptions options;
  options.mutant = static_cast<Mutant>(GetParam());
  options.seed = FirstSeedFor(options.mutant);
  const Outcome found = RunSeeds(options, kSeeds, /*quiet=*/true);
  ASSERT_FALSE(found.ok) << "not in " << kSeeds << " seeds from " << options.seed << " on";
  RunOptions sound = found.options;
  sound.mutant = Mutant::kNone;
  EXPECT_TRUE(RunSeeds(sound, 1, /*quiet=*/true).ok) << "something else has failed";
  const Outcome shrunk = Shrink(found);
  EXPECT_FALSE(RunSeeds(shrunk.options, 1, /*quiet=*/true).ok);
  std::printf("seed %llu: %s\n  %s\n", static_cast<unsigned long long>(found.options.seed),
              found.why.c_str(), ReplayCommand(shrunk.options).c_str());
}

INSTANTIATE_TEST_SUITE_P(All, MutantTest, ::testing::Range(1, static_cast<int>(Mutant::kCount)),
                         [](const ::testing::TestParamInfo<int>& info) {
                           return std::string(Name(static_cast<Mutant>(info.param)));
                         });

}  // namespace
}  // namespace sluice::sim
