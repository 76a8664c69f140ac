// Late timers, with planted mistakes: each has to be found.
#include "tests/model/expect_planted.h"
#include "tests/model/late_model.h"

namespace sluice::model {
namespace {

void ExpectPlantedFails(const char* mistake, bool in_a_look) {
  model::ExpectPlantedFails(mistake, BothLate(in_a_look), {.preemptions = 2});
}

TEST(LateMutant, None) {
  ExpectHolds(BothLate(true), {.preemptions = 1});
  ExpectHolds(BothLate(false), {.preemptions = 1});
}
TEST(LateMutant, WaitsForNone) { ExpectPlantedFails("a late worker waits for none", false); }
TEST(LateMutant, WakesNone) { ExpectPlantedFails("a late worker wakes none", false); }
TEST(LateMutant, HasSettledByALookThatBeganBefore) {
  ExpectPlantedFails("settled by a look that began before", true);
}
TEST(LateMutant, SettlesBeforeItLooks) { ExpectPlantedFails("settles before it looks", false); }
TEST(LateMutant, LooksIntoTheMailboxFirst) {
  model::ExpectPlantedFails("looks at its mail before the others settle",
                            BothLate(false, /*by_mail=*/true), {.preemptions = 2});
}

}  // namespace
}  // namespace sluice::model
