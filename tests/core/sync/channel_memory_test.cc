// What the channels allocate: something when they are made, and nothing for a value that passes,
// whether it waits or not.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/sync/broadcast.h"
#include "core/sync/mpmc.h"
#include "core/sync/mpsc.h"
#include "core/sync/oneshot.h"
#include "core/sync/watch.h"
#include "core/task/join.h"
#include "tests/core/support/counted_new.h"
#include "tests/core/support/run.h"

namespace sluice::core::testing {
namespace {

constexpr int kValues = 1'000;

// How many there were since the last call.
int64_t Made() {
  static int64_t before = 0;
  const int64_t now = allocations.made;
  return now - std::exchange(before, now);
}

Task<void> OneshotMain() {
  Made();
  auto [sender, receiver] = Oneshot<int>::Make();
  EXPECT_EQ(Made(), 1);
  EXPECT_TRUE(sender.Send(1).ok());
  EXPECT_TRUE((co_await receiver).ok());
  EXPECT_EQ(Made(), 0);
}
TEST(ChannelMemoryTest, AOneshotIsOneAllocation) { TestRuntime(1).Run(OneshotMain()); }

// The first values are not counted: by then all frames have been made.
template <typename Receiver>
Task<void> ReceiveAll(Receiver& receiver) {
  for (int i = 0; i < kValues; ++i) {
    if (i == 10) Made();
    EXPECT_TRUE((co_await receiver.Next()).ok());
  }
  EXPECT_EQ(Made(), 0);
}
template <typename Sender>
Task<void> SendAll(Sender& sender) {
  for (int i = 0; i < kValues; ++i) EXPECT_TRUE((co_await sender.Send(i)).ok());
}
template <typename Channel>
Task<void> QueueMain() {
  Made();
  auto [sender, receiver] = Channel::Make(3);
  EXPECT_EQ(Made(), 2);  // the channel and its slots
  co_await Join(SendAll(sender), ReceiveAll(receiver));
  co_await Join(ReceiveAll(receiver), SendAll(sender));
}
TEST(ChannelMemoryTest, AValueInAnMpscAllocatesNothing) {
  TestRuntime(1).Run(QueueMain<Mpsc<int>>());
}
TEST(ChannelMemoryTest, AValueInAnMpmcAllocatesNothing) {
  TestRuntime(1).Run(QueueMain<Mpmc<int>>());
}

Task<void> ManyMain() {
  auto [sender, receiver] = Mpsc<int>::Make(8);
  std::vector<int> values;
  for (int i = 0; i < kValues; ++i) {
    for (int k = 0; k < 5; ++k) EXPECT_TRUE(sender.TrySend(k).ok());
    values.clear();
    auto count = co_await receiver.NextMany(values, 100);
    EXPECT_TRUE(count.ok() && *count == 5);
    if (i == 0) Made();
  }
  EXPECT_EQ(Made(), 0);
}
TEST(ChannelMemoryTest, NextManyUsesTheVectorAgain) { TestRuntime(1).Run(ManyMain()); }

Task<void> BroadcastMain() {
  Made();
  auto [sender, receiver] = Broadcast<int>::Make(3);
  EXPECT_EQ(Made(), 2);
  auto send = [](Broadcast<int>::Sender& to, Broadcast<int>::Receiver& from) -> Task<void> {
    auto second = to.Subscribe();
    Made();
    for (int i = 0; i < kValues; ++i) {
      to.Send(i);
      EXPECT_TRUE((co_await from.Next()).ok());
      EXPECT_TRUE((co_await second.Next()).ok());
    }
    EXPECT_EQ(Made(), 0);
  };
  co_await send(sender, receiver);
}
TEST(ChannelMemoryTest, AValueInABroadcastAllocatesNothing) { TestRuntime(1).Run(BroadcastMain()); }

Task<void> WatchMain() {
  Made();
  auto [sender, receiver] = Watch<int>::Make(0);
  EXPECT_EQ(Made(), 1);
  for (int i = 0; i < kValues; ++i) {
    sender.Send(i);
    EXPECT_TRUE((co_await receiver.Changed()).ok());
  }
  EXPECT_EQ(Made(), 0);
}
TEST(ChannelMemoryTest, AValueInAWatchAllocatesNothing) { TestRuntime(1).Run(WatchMain()); }

}  // namespace
}  // namespace sluice::core::testing
