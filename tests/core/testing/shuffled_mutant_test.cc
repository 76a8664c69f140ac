// Shuffled orders find mistakes: those that are planted in copies of core/sync (for the model
// checker, tests/model/mistakes.py) and need no second thread to show. The copies come first: their
// guards keep the real headers out; semaphore.cc and notify.cc are linked as copies.
#include "tests/model/planted/bounded_channel.h"
//
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/core/testing/shuffled_channels.h"
#include "tests/core/testing/shuffled_sync.h"
#include "tests/model/planted.h"

namespace sluice::core::testing {
namespace {

// The first seed with which the scenario fails; 0: none.
template <typename Scenario>
uint64_t FirstBadSeed(const char* mistake, Scenario scenario) {
  model::planted = mistake;
  uint64_t bad = 0;
  for (uint64_t seed = 1; seed <= 2'000 && bad == 0; ++seed) {
    ::testing::TestPartResultArray failures;
    {
      ::testing::ScopedFakeTestPartResultReporter reporter(
          ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &failures);
      RunShuffled(seed, scenario(Dice(seed)), {.backend = Backend::kEpoll});
    }
    if (failures.size() > 0) bad = seed;
  }
  model::planted = "";
  return bad;
}

TEST(ShuffledMutantTest, None) {
  for (const auto scenario :
       {MpscScenario, MpmcScenario, CloseScenario, OneshotScenario, SemaphoreScenario,
        GivingUpScenario, NotifyScenario, LeavingScenario, MutexScenario, RwLockScenario}) {
    EXPECT_EQ(FirstBadSeed("", scenario), 0u);
  }
}
TEST(ShuffledMutantTest, ReceiveServesNone) {
  EXPECT_NE(FirstBadSeed("receive serves none", MpscScenario), 0u);
}
TEST(ShuffledMutantTest, UnusedPermitServesNone) {
  EXPECT_NE(FirstBadSeed("a returned slot serves none", MpmcScenario), 0u);
}
TEST(ShuffledMutantTest, SentAndGivenBack) {
  EXPECT_NE(FirstBadSeed("filled without its sender", MpscScenario), 0u);
}
TEST(ShuffledMutantTest, ValueForOneThatHasGivenUp) {
  EXPECT_NE(FirstBadSeed("handed to one that left", MpmcScenario), 0u);
}
TEST(ShuffledMutantTest, LastSenderIsNotTold) {
  EXPECT_NE(FirstBadSeed("the last sender is not told", MpscScenario), 0u);
}
TEST(ShuffledMutantTest, SemaphoreGivingUpServesNone) {
  EXPECT_NE(FirstBadSeed("giving up serves none", GivingUpScenario), 0u);
}
TEST(ShuffledMutantTest, NotifyGivesUpWithItsWakeUp) {
  EXPECT_NE(FirstBadSeed("gives up with its wake-up", LeavingScenario), 0u);
}

}  // namespace
}  // namespace sluice::core::testing
