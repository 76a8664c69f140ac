// Notify with planted mistakes: each has to be found.
#include "tests/model/notify_model.h"
#include "tests/model/planted.h"

namespace sluice::model {
namespace {

void ExpectPlantedFails(const char* mistake, const Model& model) {
  planted = mistake;
  ExpectFails(model);
  planted = "";
}

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
