// TimerWheel, the real code: a timer fires once or is taken out in time, not both, and can be armed
// elsewhere at once.
#include "tests/model/timer_model.h"

namespace sluice::model {
namespace {

TEST(TimerWheel, Disarm) { ExpectHolds(Disarming(1)); }
TEST(TimerWheel, Cancel) { ExpectHolds(Disarming(1, /*cancel=*/true)); }
TEST(TimerWheel, TwoOfOneSlot) { ExpectHolds(Disarming(2)); }

}  // namespace
}  // namespace sluice::model
