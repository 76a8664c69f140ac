// JoinSet with planted mistakes: each has to be found. The copy comes first: its guard keeps the
// real header out.
#include "tests/model/planted/join_set.h"
//
#include "tests/model/join_set_model.h"
#include "tests/model/planted.h"

namespace sluice::model {
namespace {

void ExpectPlantedFails(const char* mistake, const Model& model) {
  planted = mistake;
  ExpectFails(model, {.preemptions = 2});
  planted = "";
}

TEST(JoinSetMutant, None) {
  ExpectHolds(SetIsTaken, {.preemptions = 1});
  ExpectHolds(SetGoes, {.preemptions = 1});
}
TEST(JoinSetMutant, LooksBeforeItQueues) {
  ExpectPlantedFails("a set looks before it queues", SetIsTaken);
}
TEST(JoinSetMutant, AnEndWakesNone) { ExpectPlantedFails("the end wakes none", SetIsTaken); }
TEST(JoinSetMutant, AWaitThatIsCutShortTakesAnOutcomeWithIt) {
  ExpectPlantedFails("cut short, it takes nothing", SetIsLookedAt);
}
TEST(JoinSetMutant, AbortsBeforeItGoes) { ExpectPlantedFails("aborts before it goes", SetGoes); }

}  // namespace
}  // namespace sluice::model
