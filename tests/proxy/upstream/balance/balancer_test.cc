#include "proxy/upstream/balance/balancer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include "tests/core/support/seed.h"

namespace sluice::proxy {
namespace {

std::vector<uint32_t> Round(const std::vector<uint32_t>& weights) {
  RoundRobin balancer(weights);
  std::vector<uint32_t> round(balancer.round_size());
  for (uint32_t& pick : round) pick = static_cast<uint32_t>(balancer.Pick());
  return round;
}

TEST(RoundRobin, EqualWeightsTakeTurns) {
  EXPECT_EQ(Round({1, 1, 1}), (std::vector<uint32_t>{0, 1, 2}));
}

TEST(RoundRobin, WeightsAreSpreadSmoothly) {
  EXPECT_EQ(Round({5, 1, 1}), (std::vector<uint32_t>{0, 1, 0, 0, 0, 2, 0}));
}

TEST(RoundRobin, WeightsAreReducedByTheirDivisor) {
  EXPECT_EQ(Round({200, 100}), (std::vector<uint32_t>{0, 1, 0}));
}

// Whatever the weights: exact over each of several rounds, and never far from its share before. The
// class of an endpoint is at most one pick ahead or behind for each class there is.
TEST(RoundRobin, ExactOverEveryRoundAndCloseToItsShareAtAnyMoment) {
  core::testing::Random random(core::testing::Seed());
  for (int run = 0; run < 200; ++run) {
    std::vector<uint32_t> weights(core::testing::Between(random, 1, 12));
    const uint64_t most = core::testing::Between(random, 1, 256);
    for (uint32_t& weight : weights) {
      weight = static_cast<uint32_t>(core::testing::Between(random, 1, most));
    }
    const std::set<uint32_t> classes(weights.begin(), weights.end());
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    RoundRobin balancer(weights);
    std::vector<uint64_t> picks(weights.size(), 0);
    for (int round = 1; round <= 3; ++round) {
      for (uint64_t i = 0; i < balancer.round_size(); ++i) {
        ++picks[balancer.Pick()];
        const double done = static_cast<double>((round - 1) * balancer.round_size() + i + 1);
        for (size_t e = 0; e < weights.size(); ++e) {
          const double expected = done * weights[e] / sum;
          ASSERT_NEAR(static_cast<double>(picks[e]), expected,
                      static_cast<double>(classes.size()) + 1);
        }
      }
      for (size_t e = 0; e < weights.size(); ++e) {
        ASSERT_EQ(static_cast<double>(picks[e]) * sum,
                  static_cast<double>(round * balancer.round_size()) * weights[e]);
      }
    }
  }
}

TEST(RoundRobin, EightThousandEndpointsOfEveryWeight) {
  std::vector<uint32_t> weights;
  for (uint32_t i = 0; i < 8000; ++i) weights.push_back(i % 256 + 1);
  RoundRobin balancer(weights);
  const uint64_t sum = std::accumulate(weights.begin(), weights.end(), uint64_t{0});
  EXPECT_EQ(balancer.round_size(), sum);
  std::vector<uint64_t> picks(weights.size(), 0);
  for (uint64_t i = 0; i < sum; ++i) ++picks[balancer.Pick()];
  for (size_t e = 0; e < weights.size(); ++e) ASSERT_EQ(picks[e], weights[e]);
}

TEST(RoundRobin, OneEndpoint) {
  RoundRobin balancer(std::vector<uint32_t>{7});
  EXPECT_EQ(balancer.Pick(), 0u);
  EXPECT_EQ(balancer.Pick(), 0u);
}

TEST(RoundRobin, ExactOverARoundAlsoFromManyThreads) {
  RoundRobin balancer(std::vector<uint32_t>{3, 1});
  std::vector<std::atomic<int>> picks(2);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) ++picks[balancer.Pick()];
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(picks[0], 3000);
  EXPECT_EQ(picks[1], 1000);
}

}  // namespace
}  // namespace sluice::proxy
