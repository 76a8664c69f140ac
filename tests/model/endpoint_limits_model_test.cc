// EndpointLimits, the real code.
#include "tests/model/endpoint_limits_model.h"

namespace sluice::model {
namespace {

TEST(EndpointLimits, TwoWaitForOnePlace) { ExpectHolds(TwoWait(1)); }
TEST(EndpointLimits, TwoWaitForTwoPlaces) { ExpectHolds(TwoWait(2), {.preemptions = 3}); }
TEST(EndpointLimits, OneGivesUp) { ExpectHolds(GivesUp); }
TEST(EndpointLimits, NoneOvertakes) { ExpectHolds(NoneOvertakes); }
TEST(EndpointLimits, PassesOver) { ExpectHolds(PassesOver); }

}  // namespace
}  // namespace sluice::model
