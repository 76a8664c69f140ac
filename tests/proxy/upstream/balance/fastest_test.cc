#include "proxy/upstream/balance/fastest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "tests/proxy/upstream/balance/policy.h"

namespace sluice::proxy {
namespace {

using core::Duration;
using core::Instant;
using testing::Endpoints;
using testing::Policy;
using namespace std::chrono_literals;

constexpr Instant kStart = Instant(1h);

Policy Make(const std::vector<uint32_t>& weights) { return {std::make_unique<Fastest>(), weights}; }

void Measured(Policy& policy, size_t index, Duration latency, Instant now = kStart) {
  policy.queue().Measured(*policy.endpoints()[index], latency, now);
}

uint32_t PickAt(Policy& policy, Instant now = kStart) { return policy.Pick({.now = now}); }

TEST(Latency, ALongerOneCountsAtOnceAShorterOneLittleByLittle) {
  Latency latency;
  EXPECT_FALSE(latency.is_known());
  latency.Add(1ms, kStart);
  EXPECT_DOUBLE_EQ(latency.At(kStart), 1e6);
  latency.Add(100ms, kStart);
  EXPECT_DOUBLE_EQ(latency.At(kStart), 100e6);
  latency.Add(1ms, kStart);
  EXPECT_DOUBLE_EQ(latency.At(kStart), 100e6) << "no time has passed";
  latency.Add(1ms, kStart + 10s);
  EXPECT_NEAR(latency.At(kStart + 10s), 1e6 + 99e6 / 2.718281828, 1e3);
}

TEST(Latency, Fades) {
  Latency latency;
  latency.Add(100ms, kStart);
  EXPECT_NEAR(latency.At(kStart + 10s), 100e6 / 2.718281828, 1e3);
  EXPECT_LT(latency.At(kStart + 100s), 1e4);
  EXPECT_DOUBLE_EQ(latency.At(kStart - 1s), 100e6) << "another worker's clock is behind";
}

TEST(Fastest, TheQuickOneIsTakenUntilItsSessionsOutweighThat) {
  Policy policy = Make({1, 1});
  Measured(policy, 0, 1ms);
  Measured(policy, 1, 10ms);
  std::vector<EndpointSlot> held;
  for (int i = 0; i < 110; ++i) held.push_back(policy.Take({.now = kStart}));
  EXPECT_NEAR(policy.active(0), 100, 1);
  EXPECT_NEAR(policy.active(1), 10, 1);
}

TEST(Fastest, WeightsCount) {
  Policy policy = Make({3, 1});
  Measured(policy, 0, 5ms);
  Measured(policy, 1, 5ms);
  std::vector<EndpointSlot> held;
  for (int i = 0; i < 400; ++i) held.push_back(policy.Take({.now = kStart}));
  EXPECT_NEAR(policy.active(0), 300, 1);
}

// At start, and after joining.
TEST(Fastest, AnUnknownOneIsGivenOneSession) {
  Policy policy = Make({1, 1, 1});
  Measured(policy, 0, 1ms);
  std::vector<EndpointSlot> held;
  for (int i = 0; i < 50; ++i) held.push_back(policy.Take({.now = kStart}));
  EXPECT_EQ(policy.Active(3), (std::vector<uint32_t>{48, 1, 1}));
  Measured(policy, 1, 1ms);
  for (int i = 0; i < 40; ++i) held.push_back(policy.Take({.now = kStart}));
  EXPECT_EQ(policy.active(1), 41u);
}

TEST(Fastest, ASlowOneIsTriedAgainAfterAWhile) {
  Policy policy = Make({1, 1});
  Measured(policy, 0, 1ms);
  Measured(policy, 1, 500ms);
  for (Duration since = 0s; since < 50s; since += 1s) {
    Measured(policy, 0, 1ms, kStart + since);
    ASSERT_EQ(PickAt(policy, kStart + since), 0u) << since / 1s;
  }
  Measured(policy, 0, 1ms, kStart + 70s);
  EXPECT_EQ(PickAt(policy, kStart + 70s), 1u);
}

TEST(Fastest, IdleEndpointsOfOneLatencyTakeTurns) {
  Policy policy = Make({1, 1, 1});
  for (int i = 0; i < 3; ++i) Measured(policy, i, 1ms);
  std::vector<uint32_t> picks;
  for (int i = 0; i < 6; ++i) picks.push_back(PickAt(policy));
  EXPECT_EQ(picks, (std::vector<uint32_t>{0, 1, 2, 0, 1, 2}));
}

// Of many two are drawn: the slow tenth gets next to nothing.
TEST(Fastest, OfManyTheSlowGetLittle) {
  constexpr uint32_t kCount = 100;
  Policy policy = Make(std::vector<uint32_t>(kCount, 1));
  for (uint32_t i = 0; i < kCount; ++i) Measured(policy, i, i < 10 ? 1s : 1ms);
  uint32_t slow = 0;
  for (uint64_t i = 0; i < 10'000; ++i) {
    slow += policy.Pick({.now = kStart, .random = core::Mix(i)}) < 10;
  }
  EXPECT_LT(slow, 200u) << "both draws: 1 %";
}

TEST(Fastest, NoneThatMayBeTried) {
  for (const size_t count : {2, 50}) {
    Policy none = Make(std::vector<uint32_t>(count, 0));
    EXPECT_EQ(none.Pick(), Policy::kNone);
    std::vector<uint32_t> all;
    for (uint32_t i = 0; i < count; ++i) all.push_back(i);
    Policy tried = Make(std::vector<uint32_t>(count, 1));
    EXPECT_EQ(tried.Pick({}, all), Policy::kNone);
    all.pop_back();
    EXPECT_EQ(tried.Pick({}, all), count - 1);
  }
}

}  // namespace
}  // namespace sluice::proxy
