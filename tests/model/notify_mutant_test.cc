// Notify with planted mistakes: each has to be found.
#include "tests/model/expect_planted.h"
#include "tests/model/notify_model.h"

namespace sluice::model {
namespace {

TEST(NotifyMutant, None) { ExpectHolds(WokenOnce); }
TEST(NotifyMutant, LooksBeforeItLocks) { ExpectPlantedFails("waits by an old look", WokenOnce); }
TEST(NotifyMutant, AWakeUpGoesWithTheOneThatGivesUp) {
  ExpectPlantedFails("gives up with its wake-up", PassesOn);
}
TEST(NotifyMutant, AllIsNotCounted) { ExpectPlantedFails("all is not counted", AllIsNotMissed); }
TEST(NotifyMutant, ClearedWhereItIsNotSet) {
  ExpectPlantedFails("cleared where it is not set", KeptBesideAll);
}
TEST(NotifyMutant, WaitingStays) { ExpectPlantedFails("waiting stays set", NoJobIsLeft); }

}  // namespace
}  // namespace sluice::model
