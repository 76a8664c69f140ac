// Priorities, which are the same for every policy.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/runtime/task_group.h"
#include "proxy/upstream/balance/fastest.h"
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

using testing::Endpoints;
using testing::Policy;

using Make = std::function<std::unique_ptr<Balancer>()>;

const std::vector<std::pair<std::string, Make>>& Policies() {
  static const std::vector<std::pair<std::string, Make>> kAll = {
      {"round_robin", [] { return std::make_unique<RoundRobin>(); }},
      {"least_connections", [] { return std::make_unique<LeastConnections>(); }},
      {"random_two", [] { return std::make_unique<RandomTwo>(); }},
      {"source_hash", [] { return std::make_unique<SourceHash>(0, 0); }},
      {"source_hash with max_load", [] { return std::make_unique<SourceHash>(0, 125); }},
      {"maglev", [] { return std::make_unique<Maglev>(0, 0); }},
      {"maglev with max_load", [] { return std::make_unique<Maglev>(0, 125); }},
      {"fastest", [] { return std::make_unique<Fastest>(); }},
      {"first", [] { return std::make_unique<First>(); }},
  };
  return kAll;
}

struct Each {
  uint32_t priority;
  uint32_t weight = 1;
  uint32_t max_connections = 0;
};

void Use(Policy& policy, const std::vector<Each>& all) {
  std::vector<EndpointMember> members;
  for (size_t i = 0; i < all.size(); ++i) {
    members.push_back({.endpoint = policy.endpoints()[i],
                       .weight = all[i].weight,
                       .max_connections = all[i].max_connections,
                       .priority = all[i].priority});
  }
  policy.Use(std::move(members));
}

// The endpoints that many sessions of different keys go to, by their index.
std::string Used(Policy& policy, const std::vector<uint32_t>& tried = {}) {
  std::string used(policy.endpoints().size(), '-');
  for (uint64_t i = 1; i <= 200; ++i) {
    const uint64_t number = core::Mix(i);
    const uint32_t pick = policy.Pick({.key = number, .random = number}, tried);
    if (pick != Policy::kNone) used[pick] = '+';
  }
  return used;
}

class Priority : public ::testing::TestWithParam<size_t> {
 protected:
  Policy MakePolicy() const { return {Policies()[GetParam()].second(), {1, 1, 1, 1, 1}}; }
  bool is_first() const { return Policies()[GetParam()].first == "first"; }
};

TEST_P(Priority, TheBestHasAllAsLongAsOneOfItTakesSessions) {
  Policy policy = MakePolicy();
  Use(policy, {{1}, {0}, {2}, {0}, {1}});
  EXPECT_EQ(Used(policy), is_first() ? "-+---" : "-+-+-");
  Use(policy, {{1}, {0, 0}, {2}, {0}, {1}});
  EXPECT_EQ(Used(policy), "---+-");
  Use(policy, {{1}, {0, 0}, {2}, {0, 0}, {1}});
  EXPECT_EQ(Used(policy), is_first() ? "+----" : "+---+");
  Use(policy, {{1, 0}, {0, 0}, {2}, {0, 0}, {1, 0}});
  EXPECT_EQ(Used(policy), "--+--");
  Use(policy, {{1, 0}, {0, 0}, {2, 0}, {0, 0}, {1, 0}});
  EXPECT_EQ(Used(policy), "-----");
}

TEST_P(Priority, ASessionThatHasTriedAllOfOneGetsTheNext) {
  Policy policy = MakePolicy();
  Use(policy, {{1}, {0}, {2}, {0}, {1}});
  EXPECT_EQ(Used(policy, {1}), "---+-");
  EXPECT_EQ(Used(policy, {1, 3}), is_first() ? "+----" : "+---+");
  EXPECT_EQ(Used(policy, {1, 3, 0, 4}), "--+--");
  EXPECT_EQ(Used(policy, {1, 3, 0, 4, 2}), "-----");
}

TEST_P(Priority, OneWithoutAFreeSlotIsWaitedFor) {
  Policy policy = MakePolicy();
  Use(policy, {{0, 1, 1}, {1}, {1}, {1}, {1}});
  const EndpointSlot held = policy.Take();
  ASSERT_EQ(Endpoints::IndexOf(held.endpoint()), 0u);
  EXPECT_EQ(Used(policy), "-----");
  EXPECT_EQ(Used(policy, {0}), is_first() ? "-+---" : "-++++");
}

core::Task<void> WaitFor(Policy& policy, std::string& served, std::vector<uint32_t> tried) {
  const std::vector<Endpoint*> endpoints = policy.endpoints().Some(tried);
  const EndpointSlot slot = co_await policy.queue().WaitForSlot({.key = 7, .random = 7}, endpoints);
  served += std::to_string(Endpoints::IndexOf(slot.endpoint()));
  co_await core::testing::Yield();
}

// One that is spare is given to a session that may have it, not to the first that waits; when the
// best one drains, those that waited for it go on.
core::Task<void> Waiting(core::RuntimeHandle runtime, Policy& policy, std::string& served) {
  Use(policy, {{0, 1, 1}, {1, 1, 1}});
  EndpointSlot best = policy.Take();
  EndpointSlot spare = policy.Take({}, {0});
  EXPECT_EQ(policy.Active(2), (std::vector<uint32_t>{1, 1}));
  core::TaskGroup group(runtime);
  group.Spawn(WaitFor(policy, served, {}));
  co_await core::testing::Yield();
  group.Spawn(WaitFor(policy, served, {0}));
  co_await core::testing::Yield();
  spare = EndpointSlot();
  for (int i = 0; i < 10; ++i) co_await core::testing::Yield();
  EXPECT_EQ(served, "1");
  EXPECT_EQ(policy.active(1), 0u) << "the one that waits for 0 has not been given it";
  Use(policy, {{0, 0, 1}, {1, 1, 1}});
  co_await group.Join();
}

TEST_P(Priority, AWaitingSessionIsGivenOnesOfItsTurn) {
  core::testing::TestRuntime runtime(1);
  Policy policy = MakePolicy();
  std::string served;
  runtime.Run(Waiting(runtime.handle(), policy, served));
  EXPECT_EQ(served, "11");
}

INSTANTIATE_TEST_SUITE_P(Policies, Priority, ::testing::Range<size_t>(0, Policies().size()),
                         [](const auto& info) { return std::to_string(info.param); });

TEST(PriorityAndWeight, SharesAreThoseWithinOnePriority) {
  Policy policy(std::make_unique<RoundRobin>(), {1, 1, 1});
  Use(policy, {{0, 3}, {5, 100}, {0, 1}});
  std::vector<int> picks(3);
  for (int i = 0; i < 4000; ++i) ++picks[policy.Pick()];
  EXPECT_EQ(picks, (std::vector<int>{3000, 0, 1000}));
}

}  // namespace
}  // namespace sluice::proxy
