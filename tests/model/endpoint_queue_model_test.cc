// EndpointQueue, the real code.
#include "tests/model/endpoint_queue_model.h"

#include "tests/model/forgive_model.h"

namespace sluice::model {
namespace {

TEST(EndpointQueue, TwoWaitForOneSlot) { ExpectHolds(TwoWait(1)); }
TEST(EndpointQueue, TwoWaitForTwoSlots) { ExpectHolds(TwoWait(2), {.preemptions = 3}); }
// All 897,013 executions take a minute: see SLUICE_MODEL_ALL.
TEST(EndpointQueue, OneGivesUp) { ExpectHolds(GivesUp, {.preemptions = 6}); }
TEST(EndpointQueue, NoneOvertakes) { ExpectHolds(NoneOvertakes); }
TEST(EndpointQueue, PassesOver) { ExpectHolds(PassesOver); }
TEST(EndpointQueue, IsForgivenWhileASlotIsReleased) { ExpectHolds(IsForgiven(1)); }
TEST(EndpointQueue, IsForgivenWhileTwoAreReleased) {
  ExpectHolds(IsForgiven(2), {.preemptions = 3});
}
TEST(EndpointQueue, ComesBackToItsPlace) { ExpectHolds(ComesBack); }
TEST(EndpointQueue, IsAwayWhileASlotIsReleased) { ExpectHolds(IsAway); }
TEST(EndpointQueue, LimitComes) { ExpectHolds(LimitComes); }
TEST(EndpointQueue, OneIsTakenOut) { ExpectHolds(OneIsTakenOut); }
TEST(EndpointQueue, OneJoins) { ExpectHolds(OneJoins); }
TEST(EndpointQueue, OneIsWellAgain) { ExpectHolds(OneIsWellAgain); }
TEST(EndpointQueue, OneLeaves) { ExpectHolds(OneLeaves); }

}  // namespace
}  // namespace sluice::model
