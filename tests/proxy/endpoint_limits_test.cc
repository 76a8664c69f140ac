#include "proxy/endpoint_limits.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "core/join.h"
#include "core/sleep.h"
#include "core/task_group.h"
#include "tests/core/run.h"
#include "tests/core/yield.h"

namespace sluice::proxy {
namespace {

using core::Task;
using core::testing::TestRuntime;
using Tried = std::vector<uint32_t>;

TEST(EndpointLimits, WithoutLimitsTakesTheFirstNotTried) {
  EndpointLimits limits({0, 0, 0});
  EXPECT_EQ(limits.TryAcquire(1, {}).endpoint(), 1u);
  EXPECT_EQ(limits.TryAcquire(1, Tried{1}).endpoint(), 2u);
  EXPECT_EQ(limits.TryAcquire(1, Tried{1, 2}).endpoint(), 0u);
  EXPECT_FALSE(limits.TryAcquire(1, Tried{1, 2, 0}).valid());
}

TEST(EndpointLimits, GoesOnToOneThatHasRoom) {
  EndpointLimits limits({1, 0, 2});
  EndpointSlot a = limits.TryAcquire(0, {});
  EXPECT_EQ(a.endpoint(), 0u);
  EXPECT_EQ(limits.TryAcquire(0, {}).endpoint(), 1u);
  EndpointSlot b = limits.TryAcquire(0, Tried{1});
  EndpointSlot c = limits.TryAcquire(2, Tried{1});
  EXPECT_EQ(b.endpoint(), 2u);
  EXPECT_EQ(c.endpoint(), 2u);
  EXPECT_FALSE(limits.TryAcquire(0, Tried{1}).valid());
  a = EndpointSlot();
  EXPECT_EQ(limits.TryAcquire(2, Tried{1}).endpoint(), 0u);
}

// Tasks that wait, in the order in which they began.
struct Queue {
  explicit Queue(std::vector<uint32_t> max) : limits(std::move(max)) {}
  EndpointLimits limits;
  std::string served;  // names, in order
};

Task<void> WaitAs(Queue& queue, char name, Tried tried) {
  EndpointSlot slot = co_await queue.limits.WaitForRoom(0, tried);
  queue.served += name;
  queue.served += slot.valid() ? static_cast<char>('0' + slot.endpoint()) : '-';
}

Task<void> FirstComeFirstServed(core::Shared& shared, Queue& queue) {
  std::optional<EndpointSlot> held = queue.limits.TryAcquire(0, {});
  core::TaskGroup group(shared);
  for (const char name : {'a', 'b', 'c'}) {
    group.Spawn(WaitAs(queue, name, {}));
    co_await core::testing::Yield();
  }
  EXPECT_EQ(queue.served, "");
  held.reset();
  co_await group.Join();
}

TEST(EndpointLimits, FirstComeFirstServed) {
  TestRuntime runtime(1);
  Queue queue({1});
  runtime.Run(FirstComeFirstServed(runtime.shared(), queue));
  EXPECT_EQ(queue.served, "a0b0c0");
}

Task<void> PassesOver(core::Shared& shared, Queue& queue) {
  std::optional<EndpointSlot> held0 = queue.limits.TryAcquire(0, {});
  std::optional<EndpointSlot> held1 = queue.limits.TryAcquire(1, {});
  core::TaskGroup group(shared);
  group.Spawn(WaitAs(queue, 'a', {0}));  // has tried 0: waits for 1
  co_await core::testing::Yield();
  group.Spawn(WaitAs(queue, 'b', {}));
  co_await core::testing::Yield();
  held0.reset();
  for (int i = 0; i < 10; ++i) co_await core::testing::Yield();
  EXPECT_EQ(queue.served, "b0");
  held1.reset();
  co_await group.Join();
}

TEST(EndpointLimits, APlaceNobodyHasTriedGoesToWhoWantsIt) {
  TestRuntime runtime(1);
  Queue queue({1, 1});
  runtime.Run(PassesOver(runtime.shared(), queue));
  EXPECT_EQ(queue.served, "b0a1");
}

Task<void> YieldTimes(int times) {
  while (times-- > 0) co_await core::testing::Yield();
}

Task<void> GivesUp(Queue& queue) {
  std::optional<EndpointSlot> held = queue.limits.TryAcquire(0, {});
  auto outcome = co_await core::Select(WaitAs(queue, 'a', {}), YieldTimes(3));
  EXPECT_EQ(outcome.first, 1u);
  EXPECT_EQ(queue.served, "a-");
  held.reset();
  EXPECT_TRUE(queue.limits.TryAcquire(0, {}).valid()) << "its place in the queue is gone";
}

TEST(EndpointLimits, WhoGivesUpLeavesTheQueue) {
  TestRuntime runtime(1);
  Queue queue({1});
  runtime.Run(GivesUp(queue));
}

struct Storm {
  static constexpr uint32_t kMax = 3;
  EndpointLimits limits{{kMax, kMax}};
  std::atomic<uint32_t> inside[2] = {};
  std::atomic<bool> over{false};
  std::atomic<int> served{0};
};

Task<void> ComeAndGo(Storm& storm, uint32_t first) {
  for (int i = 0; i < 200; ++i) {
    EndpointSlot slot = co_await storm.limits.WaitForRoom(first, {});
    if (++storm.inside[slot.endpoint()] > Storm::kMax) storm.over = true;
    if (i % 3 != 0) co_await core::testing::Yield();
    --storm.inside[slot.endpoint()];
    ++storm.served;
  }
}

Task<void> StormMain(core::Shared& shared, Storm& storm) {
  core::TaskGroup group(shared);
  for (uint32_t i = 0; i < 40; ++i) group.Spawn(ComeAndGo(storm, i % 2));
  co_await group.Join();
}

TEST(EndpointLimits, ExactUnderAStorm) {
  TestRuntime runtime(4);
  Storm storm;
  runtime.Run(StormMain(runtime.shared(), storm));
  EXPECT_FALSE(storm.over);
  EXPECT_EQ(storm.served, 40 * 200);
}

}  // namespace
}  // namespace sluice::proxy
