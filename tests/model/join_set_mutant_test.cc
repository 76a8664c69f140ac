// JoinSet with planted mistakes: each has to be found. The copy comes first: its guard keeps the
// real header out.
#include "tests/model/planted/join_set.h"
//
#include "tests/model/expect_planted.h"
#include "tests/model/join_set_model.h"

namespace sluice::model {
namespace {

void ExpectFound(const char* mistake, const Model& model) {
  ExpectPlantedFails(mistake, model, {.preemptions = 2});
}

TEST(JoinSetMutant, None) {
  ExpectHolds(SetIsTaken, {.preemptions = 1});
  ExpectHolds(SetGoes, {.preemptions = 1});
}
TEST(JoinSetMutant, LooksBeforeItQueues) {
  ExpectFound("a set looks before it queues", SetIsTaken);
}
TEST(JoinSetMutant, AnEndWakesNone) { ExpectFound("the end wakes none", SetIsTaken); }
TEST(JoinSetMutant, AWaitThatIsCutShortTakesAnOutcomeWithIt) {
  ExpectFound("cut short, it takes nothing", SetIsLookedAt);
}
TEST(JoinSetMutant, AbortsBeforeItGoes) { ExpectFound("aborts before it goes", SetGoes); }

}  // namespace
}  // namespace sluice::model
