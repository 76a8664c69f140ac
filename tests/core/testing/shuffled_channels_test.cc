// Channels in 2,000 orders: each value comes once, in its order, whatever is cut short.
#include "tests/core/testing/shuffled_channels.h"

#include <gtest/gtest.h>

namespace sluice::core::testing {
namespace {

TEST(ShuffledChannelsTest, Mpsc) { RunInManyOrders(MpscScenario); }
TEST(ShuffledChannelsTest, Mpmc) { RunInManyOrders(MpmcScenario); }
TEST(ShuffledChannelsTest, Close) { RunInManyOrders(CloseScenario); }
TEST(ShuffledChannelsTest, Oneshot) { RunInManyOrders(OneshotScenario); }
TEST(ShuffledChannelsTest, Broadcast) { RunInManyOrders(BroadcastScenario); }
TEST(ShuffledChannelsTest, Watch) { RunInManyOrders(WatchScenario); }

}  // namespace
}  // namespace sluice::core::testing
