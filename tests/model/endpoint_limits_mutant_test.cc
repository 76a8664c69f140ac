// EndpointLimits with planted mistakes: each has to be found.
#include "tests/model/endpoint_limits_model.h"
#include "tests/model/planted.h"

namespace sluice::model {
namespace {

void ExpectPlantedFails(const char* mistake, const Model& model) {
  planted = mistake;
  ExpectFails(model);
  planted = "";
}

TEST(EndpointLimitsMutant, None) { ExpectHolds(GivesUp); }
TEST(EndpointLimitsMutant, GrantWithoutRemoving) {
  ExpectPlantedFails("grant without removing", NoneOvertakes);
}
TEST(EndpointLimitsMutant, GivenBackAndThenGranted) {
  ExpectPlantedFails("given back, then granted", NoneOvertakes);
}
TEST(EndpointLimitsMutant, CancelLosesThePlace) {
  ExpectPlantedFails("cancel loses the place", GivesUp);
}
TEST(EndpointLimitsMutant, CancelPostsAgain) { ExpectPlantedFails("cancel posts again", GivesUp); }
TEST(EndpointLimitsMutant, ReleaseSkipsTheQueue) {
  ExpectPlantedFails("release skips the queue", TwoWait(1));
}
TEST(EndpointLimitsMutant, LooksBeforeItQueues) {
  ExpectPlantedFails("looks before it queues", TwoWait(1));
}
TEST(EndpointLimitsMutant, LastInFirstOut) {
  ExpectPlantedFails("last in, first out", NoneOvertakes);
}

}  // namespace
}  // namespace sluice::model
