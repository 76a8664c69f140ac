// Slow start: how an endpoint that joins takes its share.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/runtime/task_group.h"
#include "proxy/upstream/balance/first.h"
#include "proxy/upstream/balance/least_connections.h"
#include "proxy/upstream/balance/maglev.h"
#include "proxy/upstream/balance/random_two.h"
#include "proxy/upstream/balance/round_robin.h"
#include "proxy/upstream/balance/source_hash.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"
#include "tests/proxy/upstream/balance/policy.h"

namespace sluice::proxy {
namespace {

using core::Duration;
using core::Instant;
using testing::Endpoints;
using testing::Policy;
using namespace std::chrono_literals;

constexpr Duration kLength = 10s;
constexpr uint32_t kOld = 4;  // endpoints that are there at start; one more joins
constexpr Instant kJoined = Instant(1h);

template <typename T>
std::unique_ptr<Balancer> New() {
  if constexpr (requires { T(0, 0); }) {
    return std::make_unique<T>(0, 0);
  } else {
    return std::make_unique<T>();
  }
}

template <typename T>
class SlowStart : public ::testing::Test {
 protected:
  SlowStart() : policy(New<T>(), std::vector<uint32_t>(kOld, 1), kOld + 1, kLength) {}

  void Join() {
    policy.Use(policy.MembersOf(std::vector<uint32_t>(kOld + 1, 1)));
    (void)PickAt(kJoined);
  }
  uint32_t PickAt(Instant now) {
    const uint64_t number = core::Mix(++sessions);
    return policy.Pick({.key = number, .now = now, .random = number});
  }
  // The part of many sessions at one time that the joiner gets, in relation to a fair one.
  double ShareAt(Duration since) {
    constexpr int kSessions = 20'000;
    int joiner = 0;
    for (int i = 0; i < kSessions; ++i) joiner += PickAt(kJoined + since) == kOld;
    return joiner * (kOld + 1.0) / kSessions;
  }

  Policy policy;
  uint64_t sessions = 0;
};

using Thinned = ::testing::Types<RoundRobin, SourceHash, Maglev>;
TYPED_TEST_SUITE(SlowStart, Thinned);

TYPED_TEST(SlowStart, ShareGrowsWithTime) {
  this->Join();
  EXPECT_NEAR(this->ShareAt(0s), 0.1, 0.05);
  EXPECT_NEAR(this->ShareAt(500ms), 0.1, 0.05);
  EXPECT_NEAR(this->ShareAt(3s), 0.3, 0.06);
  EXPECT_NEAR(this->ShareAt(7s), 0.7, 0.08);
  EXPECT_NEAR(this->ShareAt(10s), 1, 0.06);
  EXPECT_NEAR(this->ShareAt(24h * 400), 1, 0.06);
}

TYPED_TEST(SlowStart, NotAtProcessStart) {
  EXPECT_NEAR(this->ShareAt(0s), 0, 0) << "it has not joined";
  std::vector<uint32_t> picks(kOld);
  for (int i = 0; i < 4000; ++i) ++picks[this->PickAt(kJoined)];
  for (const uint32_t each : picks) EXPECT_NEAR(each, 1000, 150);
}

// One that was drained, as after maintenance, has a cold cache too.
TYPED_TEST(SlowStart, OneThatIsBackStartsSlowlyToo) {
  this->Join();
  (void)this->PickAt(kJoined + kLength);
  std::vector<uint32_t> weights(kOld + 1, 1);
  weights.back() = 0;
  this->policy.Use(this->policy.MembersOf(weights));
  EXPECT_NEAR(this->ShareAt(20s), 0, 0);
  this->policy.Use(this->policy.MembersOf(std::vector<uint32_t>(kOld + 1, 1)));
  EXPECT_NEAR(this->ShareAt(30s), 0.1, 0.05);
  EXPECT_NEAR(this->ShareAt(40s), 1, 0.06);
}

// When another set is published, ramps go on.
TYPED_TEST(SlowStart, ASetThatIsPublishedAgainChangesNoRamp) {
  this->Join();
  (void)this->PickAt(kJoined + 5s);
  std::vector<uint32_t> weights(kOld + 1, 1);
  this->policy.Use(this->policy.MembersOf(weights));
  EXPECT_NEAR(this->ShareAt(5s), 0.5, 0.06);
  EXPECT_NEAR(this->ShareAt(10s), 1, 0.06);
}

TYPED_TEST(SlowStart, TheOnlyOneGetsAll) {
  this->Join();
  std::vector<uint32_t> weights(kOld + 1, 0);
  weights.back() = 1;
  this->policy.Use(this->policy.MembersOf(weights));
  EXPECT_NEAR(this->ShareAt(0s), kOld + 1, 0);
}

// A key that has moved to the joiner stays there.
template <typename T>
void NoKeyMovesTwice() {
  Policy policy(New<T>(), std::vector<uint32_t>(kOld, 1), kOld + 1, kLength);
  policy.Use(policy.MembersOf(std::vector<uint32_t>(kOld + 1, 1)));
  for (uint64_t key = 1; key < 500; ++key) {
    policy.Use(policy.MembersOf({1, 1, 1, 1, 0}));
    policy.Use(policy.MembersOf({1, 1, 1, 1, 1}));
    int moves = 0;
    uint32_t before = Policy::kNone;
    for (Duration since = 0s; since <= kLength; since += 250ms) {
      const uint32_t pick = policy.Pick({.key = core::Mix(key), .now = kJoined + since});
      if (before != Policy::kNone && pick != before) ++moves;
      before = pick;
    }
    ASSERT_LE(moves, 1) << key;
  }
}

TEST(SlowStartOfKeys, NoKeyMovesTwice) {
  NoKeyMovesTwice<SourceHash>();
  NoKeyMovesTwice<Maglev>();
}

// No burst: one that is idle would get all sessions; it gets as many as its ramp says.
template <typename T>
void HoldsNoMoreThanItsRamp() {
  Policy policy(New<T>(), {1, 1}, 3, kLength);
  std::vector<EndpointSlot> held;
  uint64_t number = 0;
  const auto take = [&](Instant now) {
    held.push_back(policy.Take({.now = now, .random = core::Mix(++number)}));
  };
  for (int i = 0; i < 2000; ++i) take(kJoined);
  policy.Use(policy.MembersOf({1, 1, 1}));
  for (int percent = 0; percent <= 100; percent += 5) {
    for (int i = 0; i < 1000; ++i) take(kJoined + kLength * percent / 100);
    const double others = (policy.active(0) + policy.active(1)) / 2.0;
    const double ramp = std::max(percent, 10) / 100.0;
    ASSERT_LE(policy.active(2), ramp * others + 15) << percent << " %";
    ASSERT_GT(policy.active(2), 0u);
  }
  EXPECT_GT(policy.active(2), 5000u) << "it catches up when the ramp is over";
}

TEST(SlowStartOfLoads, HoldsNoMoreThanItsRamp) {
  HoldsNoMoreThanItsRamp<LeastConnections>();
  HoldsNoMoreThanItsRamp<RandomTwo>();
}

TEST(SlowStartOfLimits, MaxConnectionsRampsUp) {
  Policy policy(New<First>(), {0, 1}, 0, kLength);
  policy.Use(policy.MembersOf({1, 1}, {10, 1}));
  std::vector<EndpointSlot> held;
  const auto fill = [&](Duration since) {
    while (true) {
      EndpointSlot slot = policy.Take({.now = kJoined + since});
      if (!slot.valid()) return policy.active(0);
      held.push_back(std::move(slot));
    }
  };
  EXPECT_EQ(fill(0s), 1u);
  EXPECT_EQ(fill(1999ms), 2u);
  EXPECT_EQ(fill(5s), 5u);
  EXPECT_EQ(fill(9s), 9u);
  EXPECT_EQ(fill(10s), 10u);
  EXPECT_EQ(policy.active(1), 1u);
}

// A ramp that has begun, and then no session for months, as with endpoints that stand by.
TEST(SlowStartOfLimits, ARampIsOverAfterAnyTime) {
  for (const Duration since : {24h * 107, 24h * 120, 24h * 400, 24h * 10'000}) {
    Policy policy(New<First>(), {0}, 0, kLength);
    policy.Use(policy.MembersOf({1}, {10}));
    const EndpointSlot first = policy.Take({.now = kJoined});
    EXPECT_TRUE(first.valid());
    EXPECT_FALSE(policy.Take({.now = kJoined}).valid()) << "a tenth of its slots";
    EXPECT_TRUE(policy.Take({.now = kJoined + since}).valid()) << since / 24h << " days";
    EXPECT_FALSE(policy.endpoints()[0]->is_ramping()) << since / 24h << " days";
  }
}

core::Task<void> WaitFor(Policy& policy, uint32_t& served) {
  const EndpointSlot slot = co_await policy.queue().WaitForSlot({.now = kJoined}, {});
  ++served;
  while (served < 9) co_await core::testing::Yield();
}

// The slots that time frees go to the sessions that wait.
core::Task<void> Waiting(core::RuntimeHandle runtime, Policy& policy) {
  policy.Use(policy.MembersOf({1}, {10}));
  std::vector<EndpointSlot> held;
  held.push_back(policy.Take({.now = kJoined}));
  EXPECT_TRUE(held.back().valid());
  EXPECT_FALSE(policy.Take({.now = kJoined}).valid());
  uint32_t served = 0;
  core::TaskGroup group(runtime);
  for (int i = 0; i < 9; ++i) group.Spawn(WaitFor(policy, served));
  for (const uint32_t seconds : {1u, 3u, 6u, 10u}) {
    policy.queue().RampUp(kJoined + seconds * 1s);
    for (int i = 0; i < 30; ++i) co_await core::testing::Yield();
    EXPECT_EQ(served, seconds - 1) << seconds;
    if (seconds < 10) EXPECT_EQ(policy.active(0), seconds);  // then they have gone
  }
  co_await group.Join();
}

TEST(SlowStartOfLimits, SlotsThatTimeFreesServeTheQueue) {
  core::testing::TestRuntime runtime(1);
  Policy policy(New<LeastConnections>(), {0}, 0, kLength);
  runtime.Run(Waiting(runtime.handle(), policy));
}

}  // namespace
}  // namespace sluice::proxy
