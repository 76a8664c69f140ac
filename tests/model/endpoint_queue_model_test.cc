// EndpointQueue, the real code.
#include "tests/model/endpoint_queue_model.h"

namespace sluice::model {
namespace {

TEST(EndpointQueue, TwoWaitForOneSlot) { ExpectHolds(TwoWait(1)); }
TEST(EndpointQueue, TwoWaitForTwoSlots) { ExpectHolds(TwoWait(2), {.preemptions = 3}); }
TEST(EndpointQueue, OneGivesUp) { ExpectHolds(GivesUp); }
TEST(EndpointQueue, NoneOvertakes) { ExpectHolds(NoneOvertakes); }
TEST(EndpointQueue, PassesOver) { ExpectHolds(PassesOver); }
TEST(EndpointQueue, LimitComes) { ExpectHolds(LimitComes); }
TEST(EndpointQueue, OneIsTakenOut) { ExpectHolds(OneIsTakenOut); }
TEST(EndpointQueue, OneJoins) { ExpectHolds(OneJoins); }
TEST(EndpointQueue, OneIsWellAgain) { ExpectHolds(OneIsWellAgain); }
TEST(EndpointQueue, OneLeaves) { ExpectHolds(OneLeaves); }

}  // namespace
}  // namespace sluice::model
