// Semaphore with planted mistakes: each has to be found.
#include "tests/model/expect_planted.h"
#include "tests/model/semaphore_model.h"

namespace sluice::model {
namespace {

TEST(SemaphoreMutant, None) { ExpectHolds(GivesUp(1, false)); }
TEST(SemaphoreMutant, LooksBeforeItLocks) {
  ExpectPlantedFails("queues by an old look", OneAtATime);
}
TEST(SemaphoreMutant, ReleasesByAnOldLook) {
  ExpectPlantedFails("releases by an old look", GivesUpWhileTwoCome);
}
TEST(SemaphoreMutant, GivingUpServesNone) {
  ExpectPlantedFails("giving up serves none", GivesUp(2, true));
}
TEST(SemaphoreMutant, GrantedAndGivenUp) {
  ExpectPlantedFails("granted and given up", GivesUp(1, false));
}
TEST(SemaphoreMutant, SmallOvertakesLarge) {
  ExpectPlantedFails("small overtakes large", NoneOvertakes);
}
TEST(SemaphoreMutant, WaitingStays) { ExpectPlantedFails("waiting stays", OneAtATime); }
TEST(SemaphoreMutant, CloseForgetsThoseThatWait) {
  ExpectPlantedFails("close forgets those that wait", Closed);
}

}  // namespace
}  // namespace sluice::model
