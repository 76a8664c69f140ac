// EndpointQueue and CurrentSet when other sets are published; a policy that goes by the load.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/runtime/task_group.h"
#include "core/sched/worker.h"
#include "proxy/upstream/endpoint_queue.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"
#include "tests/proxy/upstream/endpoints.h"

namespace sluice::proxy {
namespace {

using core::Task;
using core::testing::TestRuntime;
using testing::Endpoints;
using Tried = std::vector<uint32_t>;

uint32_t IndexOf(const EndpointSlot& slot) { return Endpoints::IndexOf(slot.endpoint()); }

Task<void> YieldTimes(int times) {
  while (times-- > 0) co_await core::testing::Yield();
}

std::vector<EndpointMember> Members(const Endpoints& endpoints, std::vector<uint32_t> indices,
                                    uint32_t max) {
  std::vector<EndpointMember> members;
  for (const uint32_t index : indices) {
    members.push_back({.endpoint = endpoints[index], .max_connections = max});
  }
  return members;
}

// Endpoints 0 to 2, of which a set has some.
struct Changing {
  Changing(std::vector<uint32_t> first, uint32_t max)
      : queue(1, Endpoints::MakeSet(Members(endpoints, std::move(first), max), policy)) {}
  void Publish(std::vector<EndpointMember> members) {
    queue.Publish(Endpoints::MakeSet(std::move(members), policy));
  }
  EndpointSlot TryAcquire() { return queue.TryAcquire(0, {}, {}); }

  testing::FromKey policy;
  Endpoints endpoints{3};
  EndpointQueue queue;
  std::string served = "--";  // the endpoints that a and b have got
};

Task<void> WaitIn(Changing& changing, char name, Tried tried) {
  const std::vector<Endpoint*> endpoints = changing.endpoints.Some(tried);
  EndpointSlot slot = co_await changing.queue.WaitForSlot({}, endpoints);
  changing.served[name - 'a'] = static_cast<char>('0' + IndexOf(slot));
  while (changing.served.find('-') != std::string::npos) {  // it keeps the slot
    co_await core::testing::Yield();
  }
}

Task<void> TwoWait(core::RuntimeHandle runtime, Changing& changing,
                   std::vector<std::vector<EndpointMember>> sets) {
  const EndpointSlot held = changing.TryAcquire();
  core::TaskGroup group(runtime);
  group.Spawn(WaitIn(changing, 'a', {}));
  co_await YieldTimes(5);
  group.Spawn(WaitIn(changing, 'b', {}));
  co_await YieldTimes(5);
  EXPECT_EQ(changing.served, "--");
  for (std::vector<EndpointMember>& set : sets) changing.Publish(std::move(set));
  co_await group.Join();
}

TEST(EndpointSwap, AnEndpointThatJoinsServesThoseThatWait) {
  TestRuntime runtime(1);
  Changing changing({0}, 1);
  runtime.Run(TwoWait(runtime.handle(), changing, {Members(changing.endpoints, {0, 1, 2}, 1)}));
  EXPECT_EQ(changing.served, "12");
}

TEST(EndpointSwap, ALimitThatIsRaisedServesThoseThatWait) {
  TestRuntime runtime(1);
  Changing changing({0}, 1);
  runtime.Run(TwoWait(runtime.handle(), changing, {Members(changing.endpoints, {0}, 3)}));
  EXPECT_EQ(changing.served, "00");
}

TEST(EndpointSwap, WithoutLimitsAllThatWaitAreServed) {
  TestRuntime runtime(1);
  Changing changing({0}, 1);
  runtime.Run(TwoWait(runtime.handle(), changing, {Members(changing.endpoints, {1}, 0)}));
  EXPECT_EQ(changing.served, "11");
}

TEST(EndpointSwap, SessionsWaitWhileAllEndpointsDrain) {
  TestRuntime runtime(1);
  Changing changing({0}, 1);
  runtime.Run(TwoWait(
      runtime.handle(), changing,
      {{{.endpoint = changing.endpoints[1], .weight = 0}}, Members(changing.endpoints, {2}, 2)}));
  EXPECT_EQ(changing.served, "22");
}

TEST(EndpointSwap, AnEndpointThatLeavesGetsNothingMore) {
  Changing changing({0, 1}, 1);
  std::optional<EndpointSlot> held = changing.TryAcquire();
  EXPECT_EQ(IndexOf(*held), 0u);
  changing.Publish(Members(changing.endpoints, {1}, 1));
  EXPECT_EQ(changing.endpoints[0]->active(), 1u) << "its session goes on";
  const EndpointSlot other = changing.TryAcquire();
  EXPECT_EQ(IndexOf(other), 1u);
  held.reset();
  EXPECT_EQ(changing.endpoints[0]->active(), 0u);
  EXPECT_FALSE(changing.TryAcquire().valid());
}

TEST(EndpointSwap, ALoweredLimitHoldsOnceEnoughHaveEnded) {
  Changing changing({0}, 3);
  std::vector<EndpointSlot> held;
  for (int i = 0; i < 3; ++i) held.push_back(changing.TryAcquire());
  changing.Publish(Members(changing.endpoints, {0}, 2));
  held.pop_back();
  EXPECT_FALSE(changing.TryAcquire().valid());
  held.pop_back();
  EXPECT_TRUE(changing.TryAcquire().valid());
}

// Sessions that began without a lock, before anything needed their number.
TEST(EndpointSwap, ALimitHoldsForSessionsThatBeganWithoutOne) {
  Changing changing({0}, 0);
  std::optional<EndpointSlot> a = changing.TryAcquire();
  std::optional<EndpointSlot> b = changing.TryAcquire();
  EXPECT_FALSE(a->counted());
  changing.Publish(Members(changing.endpoints, {0}, 2));
  EXPECT_TRUE(a->counted());
  EXPECT_EQ(changing.endpoints[0]->active(), 2u);
  EXPECT_FALSE(changing.TryAcquire().valid());
  a.reset();
  const EndpointSlot c = changing.TryAcquire();
  EXPECT_TRUE(c.valid());
  changing.Publish(Members(changing.endpoints, {0}, 0));
  EXPECT_FALSE(c.counted());
  b.reset();
  EXPECT_EQ(changing.endpoints[0]->active(), 1u);
}

Task<void> EndsForOneThatWaits(core::RuntimeHandle runtime, Changing& changing) {
  std::optional<EndpointSlot> held = changing.TryAcquire();
  changing.Publish(Members(changing.endpoints, {0}, 1));
  core::TaskGroup group(runtime);
  group.Spawn(WaitIn(changing, 'a', {}));
  co_await YieldTimes(5);
  EXPECT_EQ(changing.served, "--");
  held.reset();
  changing.served[1] = '.';
  co_await group.Join();
}

TEST(EndpointSwap, ASessionThatBeganWithoutALimitMakesRoomUnderOne) {
  TestRuntime runtime(1);
  Changing changing({0}, 0);
  runtime.Run(EndsForOneThatWaits(runtime.handle(), changing));
  EXPECT_EQ(changing.served, "0.");
}

// A policy that goes by the load: all that it needs is in the interface.
class LeastConnections final : public Balancer {
 public:
  Endpoint* Pick(const EndpointSet& set, const PickRequest&,
                 std::span<Endpoint* const> tried) override {
    Endpoint* best = nullptr;
    for (const EndpointMember& member : set.members()) {
      if (!MayTry(member.endpoint, tried)) continue;
      if (best == nullptr || member.endpoint->active() < best->active()) best = member.endpoint;
    }
    return best;
  }
  bool counts_sessions() const override { return true; }
  void OnSessions(Endpoint&, int64_t change) override {
    sessions += change;
    ++changes;
  }
  int64_t sessions = 0;  // of all endpoints of the set
  int changes = 0;
};

TEST(EndpointSwap, APolicyThatGoesByTheLoadIsToldOfEverySession) {
  LeastConnections policy;
  const Endpoints endpoints(2);
  EndpointQueue queue(1, Endpoints::MakeSet(Members(endpoints, {0, 1}, 0), policy));
  EndpointSlot a = queue.TryAcquire(0, {}, {});
  EndpointSlot b = queue.TryAcquire(0, {}, {});
  EndpointSlot c = queue.TryAcquire(0, {}, {});
  EXPECT_EQ(IndexOf(a), 0u);
  EXPECT_EQ(IndexOf(b), 1u);
  EXPECT_EQ(IndexOf(c), 0u);
  c = EndpointSlot();
  a = EndpointSlot();
  EXPECT_EQ(IndexOf(queue.TryAcquire(0, {}, {})), 0u);
  EXPECT_EQ(policy.changes, 4 + 3);
  EXPECT_EQ(policy.sessions, 1);
}

// From one that needs no number to one that does, to another one, and back.
TEST(EndpointSwap, APolicyThatTakesThePlaceOfAnotherKnowsOfEverySession) {
  testing::FromKey by_key;
  LeastConnections first;
  LeastConnections second;
  const Endpoints endpoints(3);
  EndpointQueue queue(1, Endpoints::MakeSet(Members(endpoints, {0, 1}, 0), by_key));
  std::vector<EndpointSlot> on_0;
  for (int i = 0; i < 3; ++i) on_0.push_back(queue.TryAcquire(0, {.key = 0}, {}));
  EndpointSlot on_1 = queue.TryAcquire(0, {.key = 1}, {});
  queue.Publish(Endpoints::MakeSet(Members(endpoints, {0, 1}, 0), first));
  EXPECT_EQ(first.sessions, 4);
  on_0.pop_back();
  for (int i = 0; i < 2; ++i) {
    on_0.push_back(queue.TryAcquire(0, {}, {}));
    EXPECT_EQ(IndexOf(on_0.back()), i == 0 ? 1u : 0u) << "2 + 1, then 2 + 2";
  }
  EXPECT_EQ(first.sessions, 5);
  queue.Publish(Endpoints::MakeSet(Members(endpoints, {1, 2}, 0), second));
  EXPECT_EQ(first.sessions, 0);
  EXPECT_EQ(second.sessions, 2) << "those of 1; 0 has left";
  EXPECT_EQ(IndexOf(queue.TryAcquire(0, {}, {})), 2u);
  on_1 = EndpointSlot();
  EXPECT_EQ(second.sessions, 1);
  queue.Publish(Endpoints::MakeSet(Members(endpoints, {0, 1}, 0), by_key));
  EXPECT_EQ(second.sessions, 0);
  EXPECT_EQ(endpoints[0]->active(), 3u);
  EXPECT_EQ(endpoints[1]->active(), 1u);
}

// Sets come and go while sessions on four workers take slots and wait for them.
struct Swaps {
  explicit Swaps(uint32_t max)
      : max(max), queue(4, Endpoints::MakeSet(Members(endpoints, {0, 1}, max), policies[0])) {}
  const uint32_t max;  // of each endpoint; 0: no limit
  std::array<testing::FromKey, 2> policies;
  Endpoints endpoints{6};
  EndpointQueue queue;
  std::array<std::atomic<uint32_t>, 6> inside{};
  std::atomic<int> running{40};
  std::atomic<bool> over{false};
};

Task<void> UseSlots(Swaps& swaps, uint32_t name) {
  for (int i = 0; i < 200; ++i) {
    const uint32_t worker = core::Worker::Current()->index();
    const PickRequest request{.key = name};
    EndpointSlot slot = swaps.queue.TryAcquire(worker, request, {});
    if (!slot.valid()) slot = co_await swaps.queue.WaitForSlot(request, {});
    const uint32_t index = IndexOf(slot);
    if (++swaps.inside[index] > swaps.max && swaps.max != 0) swaps.over = true;
    if (i % 3 != 0) co_await core::testing::Yield();
    --swaps.inside[index];
  }
  --swaps.running;
}

Task<void> Swap(Swaps& swaps) {
  for (uint32_t i = 0; swaps.running > 0; ++i) {
    const std::vector<uint32_t> two{i % 6, (i + 1 + i / 6 % 5) % 6};
    // Now and then without limits: those that begin then count when there are limits again.
    swaps.queue.Publish(
        Endpoints::MakeSet(Members(swaps.endpoints, two, swaps.max), swaps.policies[i / 3 % 2]));
    co_await core::testing::Yield();
  }
}

Task<void> SwapMain(core::RuntimeHandle runtime, Swaps& swaps) {
  core::TaskGroup group(runtime);
  for (uint32_t i = 0; i < 40; ++i) group.Spawn(UseSlots(swaps, i));
  group.Spawn(Swap(swaps));
  co_await group.Join();
}

class EndpointSwapUnderLoad : public ::testing::TestWithParam<uint32_t> {};

TEST_P(EndpointSwapUnderLoad, EverySessionIsServedAndLimitsHold) {
  TestRuntime runtime(4);
  Swaps swaps(GetParam());
  runtime.Run(SwapMain(runtime.handle(), swaps));
  EXPECT_FALSE(swaps.over);
  for (size_t i = 0; i < swaps.endpoints.size(); ++i) EXPECT_EQ(swaps.endpoints[i]->active(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Limits, EndpointSwapUnderLoad, ::testing::Values(3, 0));

// Without limits no lock is taken: each worker reads the set that it has, and lets go of it.
TEST(CurrentSet, AWorkerSeesTheNewestSetAndKeepsNoOther) {
  testing::FromKey policy;
  const Endpoints endpoints(2);
  const auto set_of = [&](uint32_t index) {
    return Endpoints::MakeSet(Members(endpoints, {index}, 0), policy);
  };
  std::weak_ptr<const EndpointSet> first;
  std::shared_ptr<const EndpointSet> set = set_of(0);
  first = set;
  CurrentSet current(2, std::move(set));
  EXPECT_EQ(&current.Get(0).endpoint(0), endpoints[0]);
  EXPECT_EQ(&current.Get(1).endpoint(0), endpoints[0]);
  current.Publish(set_of(1));
  EXPECT_EQ(&current.Get(0).endpoint(0), endpoints[1]);
  EXPECT_FALSE(first.expired()) << "worker 1 may still read it";
  EXPECT_EQ(&current.Get(1).endpoint(0), endpoints[1]);
  EXPECT_TRUE(first.expired());
}

}  // namespace
}  // namespace sluice::proxy
