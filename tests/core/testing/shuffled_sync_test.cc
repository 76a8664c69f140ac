// What tasks share (core/sync), in 2,000 orders: never too many at once, nothing lost, none
// forgotten.
#include "tests/core/testing/shuffled_sync.h"

#include <gtest/gtest.h>

namespace sluice::core::testing {
namespace {

TEST(ShuffledSyncTest, Semaphore) { RunInManyOrders(SemaphoreScenario); }
TEST(ShuffledSyncTest, SemaphoreGivingUp) { RunInManyOrders(GivingUpScenario); }
TEST(ShuffledSyncTest, Mutex) { RunInManyOrders(MutexScenario); }
TEST(ShuffledSyncTest, RwLock) { RunInManyOrders(RwLockScenario); }
TEST(ShuffledSyncTest, Event) { RunInManyOrders(EventScenario); }
TEST(ShuffledSyncTest, Notify) { RunInManyOrders(NotifyScenario); }
TEST(ShuffledSyncTest, NotifyLeaving) { RunInManyOrders(LeavingScenario); }
TEST(ShuffledSyncTest, Barrier) { RunInManyOrders(BarrierScenario); }
TEST(ShuffledSyncTest, OnceCell) { RunInManyOrders(OnceCellScenario); }

}  // namespace
}  // namespace sluice::core::testing
