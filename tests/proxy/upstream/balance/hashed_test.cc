// What source_hash and maglev have in common, and what sets them apart.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "proxy/upstream/balance/maglev.h"
#include "proxy/upstream/balance/source_hash.h"
#include "tests/core/support/seed.h"
#include "tests/proxy/upstream/balance/policy.h"

namespace sluice::proxy {
namespace {

using testing::Endpoints;
using testing::Policy;

constexpr uint64_t kKeys = 10'000;

template <typename T>
Policy Make(const std::vector<uint32_t>& weights, size_t most = 0, uint32_t max_load = 0,
            uint64_t seed = 0) {
  return {std::make_unique<T>(seed, max_load), weights, most};
}

// Where each of many keys goes.
std::vector<uint32_t> Map(Policy& policy, uint64_t keys = kKeys) {
  std::vector<uint32_t> picks(keys);
  for (uint64_t i = 0; i < keys; ++i) picks[i] = policy.PickKey(core::Mix(i));
  return picks;
}

size_t Moved(const std::vector<uint32_t>& before, const std::vector<uint32_t>& after) {
  size_t moved = 0;
  for (size_t i = 0; i < before.size(); ++i) moved += before[i] != after[i];
  return moved;
}

template <typename T>
class Hashed : public ::testing::Test {};

using Policies = ::testing::Types<SourceHash, Maglev>;
TYPED_TEST_SUITE(Hashed, Policies);

// Two processes with the same endpoints; one has them in another order.
TYPED_TEST(Hashed, InstancesAgree) {
  const std::vector<uint32_t> weights = {1, 2, 3, 4, 5, 6, 7};
  Policy one = Make<TypeParam>(weights);
  Policy two = Make<TypeParam>(weights);
  EXPECT_EQ(Moved(Map(one), Map(two)), 0u);
  std::vector<EndpointMember> reversed = two.MembersOf(weights);
  std::ranges::reverse(reversed);
  two.Use(std::move(reversed));
  EXPECT_EQ(Moved(Map(one), Map(two)), 0u);
}

TYPED_TEST(Hashed, AnotherSeedIsAnotherDistribution) {
  const std::vector<uint32_t> weights(10, 1);
  Policy one = Make<TypeParam>(weights);
  Policy two = Make<TypeParam>(weights, 0, 0, /*seed=*/1);
  EXPECT_NEAR(static_cast<double>(Moved(Map(one), Map(two))), 0.9 * kKeys, 0.1 * kKeys);
}

TYPED_TEST(Hashed, SharesFollowTheWeights) {
  constexpr uint64_t kMany = 200'000;
  const std::vector<uint32_t> weights = {1, 2, 3, 4, 0, 10};
  Policy policy = Make<TypeParam>(weights);
  std::vector<uint64_t> picks(weights.size());
  for (const uint32_t pick : Map(policy, kMany)) ++picks[pick];
  for (size_t i = 0; i < weights.size(); ++i) {
    const double expected = kMany * weights[i] / 20.0;
    EXPECT_NEAR(static_cast<double>(picks[i]), expected, 0.03 * expected) << i;
  }
}

// Endpoints that cannot take a session move their own keys and no other, and get them back.
TYPED_TEST(Hashed, OneThatIsFullMovesItsOwnKeysOnly) {
  const std::vector<uint32_t> weights(8, 1);
  Policy policy = Make<TypeParam>(weights);
  policy.Use(policy.MembersOf(weights, {0, 0, 1}));
  const std::vector<uint32_t> before = Map(policy);
  uint64_t key = 0;
  while (policy.PickKey(key) != 2) ++key;
  EndpointSlot slot = policy.Take({.key = key});
  const std::vector<uint32_t> during = Map(policy);
  std::set<uint32_t> heirs;
  for (size_t i = 0; i < kKeys; ++i) {
    ASSERT_NE(during[i], 2u);
    if (before[i] != 2) ASSERT_EQ(during[i], before[i]);
    if (before[i] == 2) heirs.insert(during[i]);
  }
  EXPECT_EQ(heirs.size(), 7u) << "its keys are spread over all others";
  slot = EndpointSlot();
  EXPECT_EQ(Map(policy), before);
}

TYPED_TEST(Hashed, ARetryGoesOnInAnOrderOfItsOwn) {
  Policy policy = Make<TypeParam>(std::vector<uint32_t>(5, 1));
  std::set<std::vector<uint32_t>> orders;
  for (uint64_t key = 0; key < 200; ++key) {
    std::vector<uint32_t> tried;
    for (int i = 0; i < 5; ++i) tried.push_back(policy.PickKey(core::Mix(key), tried));
    ASSERT_EQ(policy.PickKey(core::Mix(key), tried), Policy::kNone);
    orders.insert(tried);
    std::ranges::sort(tried);
    ASSERT_EQ(tried, (std::vector<uint32_t>{0, 1, 2, 3, 4}));
  }
  EXPECT_GT(orders.size(), 60u) << "of 120";
}

TYPED_TEST(Hashed, AllDrain) {
  Policy policy = Make<TypeParam>({0, 0, 0});
  EXPECT_EQ(policy.PickKey(1), Policy::kNone);
}

TYPED_TEST(Hashed, OneOfManyIsLeft) {
  constexpr uint32_t kCount = 2000;
  Policy policy = Make<TypeParam>(std::vector<uint32_t>(kCount, 1));
  policy.Use(policy.MembersOf(std::vector<uint32_t>(kCount, 1), std::vector<uint32_t>(kCount, 1)));
  std::vector<EndpointSlot> held;
  for (uint32_t i = 0; i < kCount; ++i) {
    held.push_back(policy.Take({.key = core::Mix(i)}));
    ASSERT_TRUE(held.back().valid()) << i;
  }
  EXPECT_EQ(policy.PickKey(5), Policy::kNone);
}

// All sessions are of one source, and none has more than its bound at any time.
TYPED_TEST(Hashed, MaxLoadBoundsTheOneThatAllWouldGoTo) {
  for (const uint32_t percent : {101u, 125u, 300u}) {
    const std::vector<uint32_t> weights = {1, 1, 2, 4};
    Policy policy = Make<TypeParam>(weights, 0, percent);
    std::vector<EndpointSlot> held;
    for (uint32_t sessions = 1; sessions <= 800; ++sessions) {
      held.push_back(policy.Take({.key = 99}));
      for (size_t i = 0; i < weights.size(); ++i) {
        const double bound = std::ceil(percent / 100.0 * sessions * weights[i] / 8.0);
        ASSERT_LE(policy.active(i), bound) << "endpoint " << i << " of " << sessions;
      }
    }
    held.clear();
    EXPECT_EQ(policy.PickKey(99), Make<TypeParam>(weights).PickKey(99)) << "it is home again";
  }
}

// A bound that leaves keys where they are when the load is even.
TYPED_TEST(Hashed, MaxLoadMovesFewKeysOfManySources) {
  const std::vector<uint32_t> weights(10, 1);
  Policy bounded = Make<TypeParam>(weights, 0, 150);
  Policy plain = Make<TypeParam>(weights);
  std::vector<EndpointSlot> held;
  size_t moved = 0;
  for (uint64_t i = 0; i < 2000; ++i) {
    held.push_back(bounded.Take({.key = core::Mix(i)}));
    moved += Endpoints::IndexOf(held.back().endpoint()) != plain.PickKey(core::Mix(i));
  }
  EXPECT_LT(moved, 60u);
}

// Most endpoints drain while they have all the sessions: the others share what comes.
TYPED_TEST(Hashed, MaxLoadNeverLeavesASessionWithout) {
  Policy policy = Make<TypeParam>({1, 1, 1, 1, 1, 1}, 0, 125);
  std::vector<EndpointSlot> held;
  policy.Use(policy.MembersOf({1, 1, 1, 1, 1, 1}, {1, 1, 1, 1}));
  for (uint64_t i = 0; i < 404; ++i) {
    held.push_back(policy.Take({.key = core::Mix(i)}));
    ASSERT_TRUE(held.back().valid()) << i;
  }
  EXPECT_EQ(policy.Active(4), (std::vector<uint32_t>{1, 1, 1, 1}));
  EXPECT_LE(std::max(policy.active(4), policy.active(5)), 253u) << "ceil(1.25 * 404 / 2)";
}

// --- Apart. ---

// Exactly the keys of the one that leaves, or joins, move: its share, and no other key.
TEST(SourceHash, NoOtherKeyMoves) {
  core::testing::Random random(core::testing::Seed());
  for (int run = 0; run < 20; ++run) {
    std::vector<uint32_t> weights(core::testing::Between(random, 2, 30));
    for (uint32_t& weight : weights) weight = static_cast<uint32_t>(random() % 3 + 1);
    Policy policy = Make<SourceHash>(weights);
    const std::vector<uint32_t> before = Map(policy);
    std::vector<EndpointMember> members = policy.MembersOf(weights);
    const auto leaves = static_cast<uint32_t>(random() % weights.size());
    members.erase(members.begin() + leaves);
    policy.Use(std::move(members));
    const std::vector<uint32_t> without = Map(policy);
    for (size_t i = 0; i < kKeys; ++i) {
      ASSERT_NE(without[i], leaves);
      if (before[i] != leaves) ASSERT_EQ(without[i], before[i]);
    }
    policy.Use(policy.MembersOf(weights));
    ASSERT_EQ(Map(policy), before);
  }
}

TEST(Maglev, FewOtherKeysMove) {
  for (const uint32_t count : {2u, 3u, 10u, 50u, 300u, 655u, 656u, 1000u}) {
    Policy policy = Make<Maglev>(std::vector<uint32_t>(count + 1, 1));
    const std::vector<uint32_t> more = Map(policy);
    policy.Use(policy.MembersOf(std::vector<uint32_t>(count, 1)));
    const std::vector<uint32_t> fewer = Map(policy);
    const bool grows = Maglev::SlotsFor(count) != Maglev::SlotsFor(count + 1);
    const double bound = grows ? 1 : 1.0 / (count + 1) + 0.05;
    EXPECT_LE(static_cast<double>(Moved(more, fewer)), bound * kKeys) << count;
  }
}

TEST(Maglev, NumberOfSlots) {
  EXPECT_EQ(Maglev::SlotsFor(1), 65537u);
  EXPECT_EQ(Maglev::SlotsFor(655), 65537u);
  EXPECT_EQ(Maglev::SlotsFor(656), 131101u);
  EXPECT_EQ(Maglev::SlotsFor(1310), 131101u);
  std::set<size_t> sizes;
  for (size_t endpoints = 1; endpoints <= 10'000; ++endpoints) {
    const size_t slots = Maglev::SlotsFor(endpoints);
    ASSERT_GE(slots, 100 * endpoints);
    sizes.insert(slots);
  }
  EXPECT_EQ(sizes.size(), 5u);
  for (const size_t slots : sizes) {
    for (size_t divisor = 2; divisor * divisor <= slots; ++divisor) ASSERT_NE(slots % divisor, 0u);
  }
}

// Also one whose share is less than a slot.
TEST(Maglev, EachHasASlot) {
  std::vector<uint32_t> weights(3000, 256);
  weights[1234] = 1;
  Policy policy = Make<Maglev>(weights);
  std::vector<uint32_t> others;
  for (uint32_t i = 0; i < weights.size(); ++i) {
    if (i != 1234) others.push_back(i);
  }
  EXPECT_EQ(policy.PickKey(5, others), 1234u);
}

}  // namespace
}  // namespace sluice::proxy
