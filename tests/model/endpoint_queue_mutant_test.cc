// EndpointQueue with planted mistakes: each has to be found.
#include "tests/model/endpoint_queue_model.h"
#include "tests/model/expect_planted.h"
#include "tests/model/forgive_model.h"

namespace sluice::model {
namespace {

TEST(EndpointQueueMutant, None) {
  ExpectHolds(TwoWait(1), {.preemptions = 2});
  ExpectHolds(LimitComes, {.preemptions = 2});
  ExpectHolds(NoneOvertakes);
  ExpectHolds(OneIsTakenOut);
  ExpectHolds(OneIsWellAgain);
  ExpectHolds(OneJoins);
  ExpectHolds(OneLeaves);
}
TEST(EndpointQueueMutant, GrantWithoutRemoving) {
  ExpectPlantedFails("grant without removing", NoneOvertakes);
}
TEST(EndpointQueueMutant, GivenBackAndThenGranted) {
  ExpectPlantedFails("given back, then granted", NoneOvertakes);
}
TEST(EndpointQueueMutant, ReleaseSkipsTheQueue) {
  ExpectPlantedFails("release skips the queue", TwoWait(1));
}
TEST(EndpointQueueMutant, LooksBeforeItQueues) {
  ExpectPlantedFails("looks before it queues", TwoWait(1));
}
TEST(EndpointQueueMutant, LastInFirstOut) {
  ExpectPlantedFails("last in, first out", NoneOvertakes);
}
TEST(EndpointQueueMutant, AMarkerStaysBehind) {
  ExpectPlantedFails("a marker stays behind", IsForgiven(1));
}
TEST(EndpointQueueMutant, ForgivesWithoutServing) {
  ExpectPlantedFails("forgives without serving", IsForgiven(1));
}
TEST(EndpointQueueMutant, ComesBackAtTheEnd) {
  ExpectPlantedFails("comes back at the end", ComesBack);
}
TEST(EndpointQueueMutant, DoesNotLookAgain) {
  ExpectPlantedFails("does not look again", OneIsTakenOut);
}
TEST(EndpointQueueMutant, BeginsUncounted) { ExpectPlantedFails("begins uncounted", LimitComes); }
TEST(EndpointQueueMutant, ForgetsThoseThatThereAre) {
  ExpectPlantedFails("forgets those that there are", LimitComes);
}
TEST(EndpointQueueMutant, ASetServesNone) { ExpectPlantedFails("a set serves none", OneJoins); }
TEST(EndpointQueueMutant, OneThatIsWellAgainServesNone) {
  ExpectPlantedFails("one that is well again serves none", OneIsWellAgain);
}
TEST(EndpointQueueMutant, OneThatIsOutIsGiven) {
  ExpectPlantedFails("one that is out is given", OneIsWellAgain);
}
TEST(EndpointQueueMutant, OneThatLeavesIsGiven) {
  ExpectPlantedFails("one that leaves is given", OneLeaves);
}

}  // namespace
}  // namespace sluice::model
