// What the channels allocate: something when they are made, and nothing for a value that passes,
// whether it waits or not.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

#include "core/sync/broadcast.h"
#include "core/sync/mpmc.h"
#include "core/sync/mpsc.h"
#include "core/sync/oneshot.h"
#include "core/sync/watch.h"
#include "core/task/join.h"
#include "tests/core/support/run.h"

namespace {

int64_t allocations = 0;  // of the one thread that there is

}  // namespace

void* operator new(size_t size) {
  ++allocations;
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new[](size_t size) { return operator new(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace sluice::core::testing {
namespace {

constexpr int kValues = 1'000;

// How many there were since the last call.
int64_t Allocations() {
  static int64_t before = 0;
  return allocations - std::exchange(before, allocations);
}

Task<void> OneshotMain() {
  Allocations();
  auto [sender, receiver] = Oneshot<int>::Make();
  EXPECT_EQ(Allocations(), 1);
  EXPECT_TRUE(sender.Send(1).ok());
  EXPECT_TRUE((co_await receiver).ok());
  EXPECT_EQ(Allocations(), 0);
}
TEST(ChannelMemoryTest, AOneshotIsOneAllocation) { TestRuntime(1).Run(OneshotMain()); }

// The first values are not counted: by then all frames have been made.
template <typename Receiver>
Task<void> ReceiveAll(Receiver& receiver) {
  for (int i = 0; i < kValues; ++i) {
    if (i == 10) Allocations();
    EXPECT_TRUE((co_await receiver.Next()).ok());
  }
  EXPECT_EQ(Allocations(), 0);
}
template <typename Sender>
Task<void> SendAll(Sender& sender) {
  for (int i = 0; i < kValues; ++i) EXPECT_TRUE((co_await sender.Send(i)).ok());
}
template <typename Channel>
Task<void> QueueMain() {
  Allocations();
  auto [sender, receiver] = Channel::Make(3);
  EXPECT_EQ(Allocations(), 2);  // the channel and its slots
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
    if (i == 0) Allocations();
  }
  EXPECT_EQ(Allocations(), 0);
}
TEST(ChannelMemoryTest, NextManyUsesTheVectorAgain) { TestRuntime(1).Run(ManyMain()); }

Task<void> BroadcastMain() {
  Allocations();
  auto [sender, receiver] = Broadcast<int>::Make(3);
  EXPECT_EQ(Allocations(), 2);
  auto send = [](Broadcast<int>::Sender& to, Broadcast<int>::Receiver& from) -> Task<void> {
    auto second = to.Subscribe();
    Allocations();
    for (int i = 0; i < kValues; ++i) {
      to.Send(i);
      EXPECT_TRUE((co_await from.Next()).ok());
      EXPECT_TRUE((co_await second.Next()).ok());
    }
    EXPECT_EQ(Allocations(), 0);
  };
  co_await send(sender, receiver);
}
TEST(ChannelMemoryTest, AValueInABroadcastAllocatesNothing) { TestRuntime(1).Run(BroadcastMain()); }

Task<void> WatchMain() {
  Allocations();
  auto [sender, receiver] = Watch<int>::Make(0);
  EXPECT_EQ(Allocations(), 1);
  for (int i = 0; i < kValues; ++i) {
    sender.Send(i);
    EXPECT_TRUE((co_await receiver.Changed()).ok());
  }
  EXPECT_EQ(Allocations(), 0);
}
TEST(ChannelMemoryTest, AValueInAWatchAllocatesNothing) { TestRuntime(1).Run(WatchMain()); }

}  // namespace
}  // namespace sluice::core::testing
