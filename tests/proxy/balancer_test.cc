#include "proxy/balancer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace sluice::proxy {
namespace {

std::vector<uint32_t> Round(std::vector<uint32_t> weights) { return RoundRobin(weights).round(); }

TEST(RoundRobin, EqualWeightsTakeTurns) {
  EXPECT_EQ(Round({1, 1, 1}), (std::vector<uint32_t>{0, 1, 2}));
}

TEST(RoundRobin, WeightsAreSpreadSmoothly) {
  EXPECT_EQ(Round({5, 1, 1}), (std::vector<uint32_t>{0, 0, 1, 0, 2, 0, 0}));
}

TEST(RoundRobin, WeightsAreReducedByTheirDivisor) {
  EXPECT_EQ(Round({200, 100}), (std::vector<uint32_t>{0, 1, 0}));
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
