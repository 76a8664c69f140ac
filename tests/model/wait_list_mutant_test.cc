// WaitList with planted mistakes: each has to be found.
#include "tests/model/expect_planted.h"
#include "tests/model/wait_list_model.h"

namespace sluice::model {
namespace {

TEST(WaitListMutant, None) { ExpectHolds(GivesUp); }
TEST(WaitListMutant, CancelPostsAgain) { ExpectPlantedFails("cancel posts again", GivesUp); }
TEST(WaitListMutant, CancelPostsNothing) { ExpectPlantedFails("cancel posts nothing", GivesUp); }
TEST(WaitListMutant, LooksBeforeItLocks) { ExpectPlantedFails("looks before it locks", GivesUp); }
TEST(WaitListMutant, RemovedStillWaits) { ExpectPlantedFails("removed still waits", GivesUp); }
TEST(WaitListMutant, LastInFirstOut) { ExpectPlantedFails("last in, first out", NoneOvertakes); }
TEST(WaitListMutant, WakesOnlyOne) { ExpectPlantedFails("wakes only one", AllAtOnce); }

}  // namespace
}  // namespace sluice::model
