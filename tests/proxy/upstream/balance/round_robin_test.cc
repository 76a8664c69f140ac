#include "proxy/upstream/balance/round_robin.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <numeric>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "proxy/upstream/endpoint_queue.h"
#include "tests/core/support/seed.h"
#include "tests/proxy/upstream/endpoints.h"

namespace sluice::proxy {
namespace {

using testing::Endpoints;

// Endpoints with these weights and, if it says so, limits; picks by their index.
class Picks {
 public:
  explicit Picks(const std::vector<uint32_t>& weights) : endpoints_(weights.size()) {
    std::vector<EndpointMember> members;
    for (size_t i = 0; i < weights.size(); ++i) {
      members.push_back({.endpoint = endpoints_[i], .weight = weights[i]});
    }
    Use(std::move(members));
  }

  // From now on these.
  void Use(std::vector<EndpointMember> members) {
    set_ = Endpoints::MakeSet(std::move(members), balancer_);
    if (queue_ == nullptr) queue_ = std::make_unique<EndpointQueue>(1, set_);
    queue_->Publish(set_);
  }
  // kNone: there is none.
  uint32_t Pick(const std::vector<uint32_t>& tried = {}, uint64_t random = 0) {
    Endpoint* const endpoint = balancer_.Pick(*set_, {.random = random}, endpoints_.Some(tried));
    return endpoint == nullptr ? kNone : Endpoints::IndexOf(*endpoint);
  }
  std::vector<uint32_t> Some(size_t count, const std::vector<uint32_t>& tried = {}) {
    std::vector<uint32_t> picks(count);
    for (uint32_t& pick : picks) pick = Pick(tried);
    return picks;
  }
  uint64_t round_size() const { return RoundRobin::RoundSize(*set_); }
  const Endpoints& endpoints() const { return endpoints_; }
  EndpointSlot TakeSlot() { return queue_->TryAcquire(0, {}, {}); }

  static constexpr uint32_t kNone = UINT32_MAX;

 private:
  RoundRobin balancer_;
  Endpoints endpoints_;
  std::shared_ptr<const EndpointSet> set_;
  std::unique_ptr<EndpointQueue> queue_;  // configures the endpoints
};

std::vector<uint32_t> Round(const std::vector<uint32_t>& weights) {
  Picks picks(weights);
  return picks.Some(picks.round_size());
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
    Picks balancer(weights);
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
  Picks balancer(weights);
  const uint64_t sum = std::accumulate(weights.begin(), weights.end(), uint64_t{0});
  EXPECT_EQ(balancer.round_size(), sum);
  std::vector<uint64_t> picks(weights.size(), 0);
  for (uint64_t i = 0; i < sum; ++i) ++picks[balancer.Pick()];
  for (size_t e = 0; e < weights.size(); ++e) ASSERT_EQ(picks[e], weights[e]);
}

// Wherever it begins: 4,000 picks at 3:1 are 3,000 and 1,000, and so with several endpoints of a
// weight. Only the first request says where; and the beginnings are spread over the round.
TEST(RoundRobin, BeginsAnywhereAndStaysExact) {
  core::testing::Random random(core::testing::Seed());
  for (const std::vector<uint32_t>& weights :
       {std::vector<uint32_t>{3, 1}, {1, 1, 1, 1}, {3, 1, 3, 1}, {5, 1, 2}}) {
    const uint64_t sum = std::accumulate(weights.begin(), weights.end(), uint64_t{0});
    std::vector<uint64_t> first(weights.size(), 0);
    for (int process = 0; process < 200; ++process) {
      Picks balancer(weights);
      std::vector<uint64_t> picks(weights.size(), 0);
      for (int i = 0; i < 4000; ++i) {
        const uint32_t pick = balancer.Pick({}, random() | 1);
        if (i == 0) ++first[pick];
        ++picks[pick];
      }
      for (size_t e = 0; e < weights.size(); ++e) ASSERT_EQ(picks[e], 4000 / sum * weights[e]);
    }
    for (size_t e = 0; e < weights.size(); ++e) {
      const double expected = 200.0 * weights[e] / static_cast<double>(sum);
      EXPECT_NEAR(static_cast<double>(first[e]), expected, 4 * std::sqrt(expected));
    }
  }
}

TEST(RoundRobin, OneEndpoint) {
  Picks balancer({7});
  EXPECT_EQ(balancer.Pick(), 0u);
  EXPECT_EQ(balancer.Pick(), 0u);
}

TEST(RoundRobin, ExactOverARoundAlsoFromManyThreads) {
  Picks balancer({3, 1});
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

// --- Endpoints that may not be tried. ---

TEST(RoundRobin, ARetryGoesToTheNextInTurn) {
  Picks picks({1, 1, 1});
  EXPECT_EQ(picks.Pick(), 0u);
  EXPECT_EQ(picks.Pick({0}), 1u);
  EXPECT_EQ(picks.Pick({0, 1}), 2u);
  EXPECT_EQ(picks.Pick({0, 1, 2}), Picks::kNone);
}

// Endpoint 0 is down: its sessions try another one next. None of the others gets more than half.
TEST(RoundRobin, TheOthersShareTheRetriesOfOneThatIsDown) {
  Picks picks({1, 1, 1});
  std::vector<int> served(3);
  for (int i = 0; i < 300; ++i) {
    uint32_t pick = picks.Pick();
    if (pick == 0) pick = picks.Pick({0});
    ++served[pick];
  }
  EXPECT_EQ(served, (std::vector<int>{0, 150, 150}));
}

TEST(RoundRobin, ARetryFollowsTheWeights) {
  Picks picks({8, 3, 1});
  std::vector<int> served(3);
  for (int i = 0; i < 1200; ++i) ++served[picks.Pick({0})];
  EXPECT_EQ(served, (std::vector<int>{0, 900, 300}));
}

// Endpoint 0 has no free slot for a while; then the picks are exact again.
TEST(RoundRobin, OneWithoutAFreeSlotSitsOut) {
  for (const std::vector<uint32_t>& weights : {std::vector<uint32_t>{1, 1, 1}, {4, 1, 1}}) {
    Picks picks(weights);
    std::vector<EndpointMember> members;
    for (uint32_t i = 0; i < 3; ++i) {
      members.push_back({.endpoint = picks.endpoints()[i],
                         .weight = weights[i],
                         .max_connections = i == 0 ? 1u : 0u});
    }
    picks.Use(std::move(members));
    EndpointSlot slot = picks.TakeSlot();
    ASSERT_EQ(Endpoints::IndexOf(slot.endpoint()), 0u);
    std::vector<uint64_t> served(3);
    for (const uint32_t pick : picks.Some(600)) ++served[pick];
    EXPECT_EQ(served, (std::vector<uint64_t>{0, 300, 300}));
    slot = EndpointSlot();
    std::ranges::fill(served, 0);
    for (const uint32_t pick : picks.Some(100 * picks.round_size())) ++served[pick];
    for (size_t i = 0; i < 3; ++i)
      EXPECT_NEAR(static_cast<double>(served[i]), 100.0 * weights[i], 2);
  }
}

TEST(RoundRobin, WeightZeroDrains) {
  EXPECT_EQ(Round({0, 1, 2}), (std::vector<uint32_t>{2, 1, 2}));
  Picks all({0, 0});
  EXPECT_EQ(all.round_size(), 0u);
  EXPECT_EQ(all.Pick(), Picks::kNone);
}

// A set that is published again and again does not give all to its first endpoint.
TEST(RoundRobin, TurnsGoOnWhenTheSetChanges) {
  Picks picks({1, 1});
  std::vector<int> served(2);
  for (int i = 0; i < 100; ++i) {
    picks.Use({{.endpoint = picks.endpoints()[0]}, {.endpoint = picks.endpoints()[1]}});
    ++served[picks.Pick()];
  }
  EXPECT_EQ(served, (std::vector<int>{50, 50}));
}

}  // namespace
}  // namespace sluice::proxy
