#include "proxy/upstream/balance/random_two.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "proxy/upstream/balance/weighted_draw.h"
#include "tests/core/support/seed.h"
#include "tests/proxy/upstream/balance/policy.h"

namespace sluice::proxy {
namespace {

using testing::Policy;

Policy Make(const std::vector<uint32_t>& weights) {
  return {std::make_unique<RandomTwo>(), weights};
}

// Every number of times is within five standard deviations.
TEST(WeightedDraw, DrawsInProportionToTheWeights) {
  constexpr int kDraws = 200'000;
  core::testing::Random random(core::testing::Seed());
  for (int run = 0; run < 20; ++run) {
    std::vector<uint32_t> weights(core::testing::Between(random, 1, 40));
    for (uint32_t& weight : weights) weight = random() % 257;
    weights[0] = 1;  // not all 0
    const Policy policy = Make(weights);
    const WeightedDraw draw(policy.MembersOf(weights));
    std::map<const Endpoint*, int> times;
    for (int i = 0; i < kDraws; ++i) ++times[draw.Draw(random())];
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (size_t i = 0; i < weights.size(); ++i) {
      const double share = weights[i] / sum;
      const double deviation = std::sqrt(kDraws * share * (1 - share));
      ASSERT_NEAR(times[policy.endpoints()[i]], kDraws * share, 5 * deviation) << "member " << i;
    }
  }
}

// Of two endpoints both are drawn, but for one in 128 picks.
TEST(RandomTwo, TheOneWithLessLoad) {
  core::testing::Random random(core::testing::Seed());
  Policy policy = Make({1, 1});
  std::vector<EndpointSlot> held;
  for (int i = 0; i < 1000; ++i) held.push_back(policy.Take({.random = random()}));
  EXPECT_NEAR(policy.active(0), 500, 10);
}

TEST(RandomTwo, HeldSessionsFollowTheWeights) {
  constexpr uint32_t kUnit = 500;
  core::testing::Random random(core::testing::Seed());
  const std::vector<uint32_t> weights = {5, 1, 3, 1, 2, 4, 4};
  Policy policy = Make(weights);
  std::vector<EndpointSlot> held;
  for (uint32_t i = 0; i < 20 * kUnit; ++i) held.push_back(policy.Take({.random = random()}));
  for (size_t i = 0; i < weights.size(); ++i) {
    EXPECT_NEAR(policy.active(i), weights[i] * kUnit, 0.02 * weights[i] * kUnit) << i;
  }
}

// The same random number, as for the attempts of one session.
TEST(RandomTwo, ARetryGoesToOneThatHasNotBeenTried) {
  core::testing::Random random(core::testing::Seed());
  for (int run = 0; run < 100; ++run) {
    Policy policy = Make(std::vector<uint32_t>(20, 1));
    const PickRequest request{.random = random()};
    std::vector<uint32_t> tried;
    for (int attempt = 0; attempt < 20; ++attempt) {
      tried.push_back(policy.Pick(request, tried));
      ASSERT_NE(tried.back(), Policy::kNone);
    }
    EXPECT_EQ(policy.Pick(request, tried), Policy::kNone);
    std::ranges::sort(tried);
    EXPECT_EQ(std::ranges::adjacent_find(tried), tried.end()) << "one was tried twice";
  }
}

TEST(RandomTwo, FindsTheOnlyOneWithAFreeSlot) {
  Policy policy = Make(std::vector<uint32_t>(500, 1));
  policy.Use(policy.MembersOf(std::vector<uint32_t>(500, 1), std::vector<uint32_t>(500, 1)));
  std::vector<EndpointSlot> held;
  core::testing::Random random(core::testing::Seed());
  for (int i = 0; i < 500; ++i) {
    held.push_back(policy.Take({.random = random()}));
    ASSERT_TRUE(held.back().valid());
  }
  EXPECT_EQ(policy.Pick({.random = random()}), Policy::kNone);
}

TEST(RandomTwo, WeightZeroDrains) {
  EXPECT_EQ(Make({0, 0}).Pick(), Policy::kNone);
  Policy policy = Make({0, 1, 0});
  for (uint64_t i = 0; i < 100; ++i) ASSERT_EQ(policy.Pick({.random = i}), 1u);
}

}  // namespace
}  // namespace sluice::proxy
