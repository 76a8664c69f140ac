// TimerWheel with planted mistakes: each has to be found.
#include "tests/model/expect_planted.h"
#include "tests/model/timer_model.h"

namespace sluice::model {
namespace {

TEST(TimerMutant, None) { ExpectHolds(Disarming(1)); }
TEST(TimerMutant, LooksBeforeItLocks) {
  ExpectPlantedFails("disarm looks before it locks", Disarming(1));
}
TEST(TimerMutant, FiredIsStillLinked) { ExpectPlantedFails("fired is still linked", Disarming(1)); }
TEST(TimerMutant, CancelPostsAgain) {
  ExpectPlantedFails("cancelled and fired", Disarming(1, /*cancel=*/true));
}

}  // namespace
}  // namespace sluice::model
