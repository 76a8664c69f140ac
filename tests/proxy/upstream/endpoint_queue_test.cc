#include "proxy/upstream/endpoint_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/runtime/task_group.h"
#include "core/sync/cancellation.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "tests/core/support/run.h"
#include "tests/core/support/seed.h"
#include "tests/core/support/yield.h"
#include "tests/proxy/upstream/endpoints.h"

namespace sluice::proxy {
namespace {

using core::Task;
using core::testing::TestRuntime;
using testing::Endpoints;
using Tried = std::vector<uint32_t>;

// A queue over endpoints with these limits; by their index.
struct Limits {
  explicit Limits(std::vector<uint32_t> max)
      : endpoints(max.size()), queue(1, endpoints.Limited(max, policy)) {}

  EndpointSlot TryAcquire(uint32_t first, const Tried& tried) {
    return queue.TryAcquire(0, {.key = first}, endpoints.Some(tried));
  }

  testing::FromKey policy;
  Endpoints endpoints;
  EndpointQueue queue;
};

uint32_t IndexOf(const EndpointSlot& slot) { return Endpoints::IndexOf(slot.endpoint()); }

Task<EndpointSlot> WaitForSlot(Limits& limits, uint32_t first, Tried tried) {
  const std::vector<Endpoint*> endpoints = limits.endpoints.Some(tried);
  co_return co_await limits.queue.WaitForSlot({.key = first}, endpoints);
}

TEST(EndpointQueue, WithoutLimitsTakesTheFirstNotTried) {
  Limits limits({0, 0, 0});
  EXPECT_EQ(IndexOf(limits.TryAcquire(1, {})), 1u);
  EXPECT_EQ(IndexOf(limits.TryAcquire(1, Tried{1})), 2u);
  EXPECT_EQ(IndexOf(limits.TryAcquire(1, Tried{1, 2})), 0u);
  EXPECT_FALSE(limits.TryAcquire(1, Tried{1, 2, 0}).valid());
}

TEST(EndpointQueue, GoesOnToOneThatHasRoom) {
  Limits limits({1, 0, 2});
  EndpointSlot a = limits.TryAcquire(0, {});
  EXPECT_EQ(IndexOf(a), 0u);
  EXPECT_EQ(IndexOf(limits.TryAcquire(0, {})), 1u);
  EndpointSlot b = limits.TryAcquire(0, Tried{1});
  EndpointSlot c = limits.TryAcquire(2, Tried{1});
  EXPECT_EQ(IndexOf(b), 2u);
  EXPECT_EQ(IndexOf(c), 2u);
  EXPECT_FALSE(limits.TryAcquire(0, Tried{1}).valid());
  a = EndpointSlot();
  EXPECT_EQ(IndexOf(limits.TryAcquire(2, Tried{1})), 0u);
}

// Tasks that wait, in the order in which they began.
struct Queue {
  explicit Queue(std::vector<uint32_t> max) : limits(std::move(max)) {}
  Limits limits;
  std::string served;  // names, in order
};

Task<void> WaitAs(Queue& queue, char name, Tried tried) {
  EndpointSlot slot = co_await WaitForSlot(queue.limits, 0, tried);
  queue.served += name;
  queue.served += slot.valid() ? static_cast<char>('0' + IndexOf(slot)) : '-';
}

Task<void> FirstComeFirstServed(core::RuntimeHandle runtime, Queue& queue) {
  std::optional<EndpointSlot> held = queue.limits.TryAcquire(0, {});
  core::TaskGroup group(runtime);
  for (const char name : {'a', 'b', 'c'}) {
    group.Spawn(WaitAs(queue, name, {}));
    co_await core::testing::Yield();
  }
  EXPECT_EQ(queue.served, "");
  held.reset();
  co_await group.Join();
}

TEST(EndpointQueue, FirstComeFirstServed) {
  TestRuntime runtime(1);
  Queue queue({1});
  runtime.Run(FirstComeFirstServed(runtime.handle(), queue));
  EXPECT_EQ(queue.served, "a0b0c0");
}

Task<void> PassesOver(core::RuntimeHandle runtime, Queue& queue) {
  std::optional<EndpointSlot> held0 = queue.limits.TryAcquire(0, {});
  std::optional<EndpointSlot> held1 = queue.limits.TryAcquire(1, {});
  core::TaskGroup group(runtime);
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

TEST(EndpointQueue, ASlotGoesToTheFirstSessionThatHasNotTriedItsEndpoint) {
  TestRuntime runtime(1);
  Queue queue({1, 1});
  runtime.Run(PassesOver(runtime.handle(), queue));
  EXPECT_EQ(queue.served, "b0a1");
}

Task<void> YieldTimes(int times) {
  while (times-- > 0) co_await core::testing::Yield();
}

Task<void> GivesUp(Queue& queue) {
  std::optional<EndpointSlot> held = queue.limits.TryAcquire(0, {});
  auto outcome = co_await core::Select(WaitAs(queue, 'a', {}), YieldTimes(3));
  EXPECT_TRUE(outcome.Won<1>());
  EXPECT_EQ(queue.served, "a-");
  held.reset();
  EXPECT_TRUE(queue.limits.TryAcquire(0, {}).valid()) << "it has left the queue";
}

TEST(EndpointQueue, ASessionThatGivesUpLeavesTheQueue) {
  TestRuntime runtime(1);
  Queue queue({1});
  runtime.Run(GivesUp(queue));
}

Task<void> IsClosed(core::RuntimeHandle runtime, Queue& queue) {
  std::optional<EndpointSlot> held = queue.limits.TryAcquire(0, {});
  core::TaskGroup group(runtime);
  group.Spawn(WaitAs(queue, 'a', {0}));
  group.Spawn(WaitAs(queue, 'b', {}));
  for (int i = 0; i < 10; ++i) co_await core::testing::Yield();
  EXPECT_EQ(queue.served, "");
  queue.limits.queue.Close();
  co_await group.Join();
  EXPECT_TRUE(queue.served == "a-b-" || queue.served == "b-a-") << queue.served;
  queue.served.clear();
  co_await WaitAs(queue, 'c', {});
  EXPECT_EQ(queue.served, "c-") << "it does not wait";
  held.reset();
  EXPECT_TRUE(queue.limits.TryAcquire(0, {}).valid()) << "a free slot is still given";
}

TEST(EndpointQueue, ThoseThatWaitGoWithoutASlotWhenItIsClosed) {
  TestRuntime runtime(1);
  Queue queue({1});
  runtime.Run(IsClosed(runtime.handle(), queue));
}

// Random arrivals, departures and releases against a vector that is searched from its beginning:
// the one that has waited longest among those that accept an endpoint gets it.
struct Expected {
  struct Waiting {
    int name;
    Tried tried;
    std::unique_ptr<core::CancellationSource> leave = std::make_unique<core::CancellationSource>();
  };
  static constexpr uint32_t kEndpoints = 4;
  Limits limits{std::vector<uint32_t>(kEndpoints, 1)};
  std::array<std::optional<EndpointSlot>, kEndpoints> held;
  std::vector<Waiting> waiting;
  std::vector<std::unique_ptr<core::CancellationSource>> used;  // until nothing listens any more
  std::vector<std::pair<int, int>> served;                      // name, endpoint (-1: it left)
};

Task<void> WaitFor(Expected& state, uint32_t name, Tried tried) {
  EndpointSlot slot = co_await WaitForSlot(state.limits, name % Expected::kEndpoints, tried);
  state.served.emplace_back(name, slot.valid() ? static_cast<int>(IndexOf(slot)) : -1);
  if (slot.valid()) state.held[IndexOf(slot)] = std::move(slot);
}

Task<void> UntilTold(core::CancellationToken token) { (void)co_await token.Cancelled(); }

Task<void> WaitOrLeave(Expected& state, uint32_t name, Tried tried, core::CancellationToken leave) {
  (void)co_await core::Select(WaitFor(state, name, std::move(tried)), UntilTold(leave));
}

Task<void> ExpectServed(Expected& state, std::pair<int, int> expected) {
  for (int i = 0; i < 50 && state.served.empty(); ++i) co_await core::testing::Yield();
  EXPECT_EQ(state.served, (std::vector<std::pair<int, int>>{expected}));
  state.served.clear();
}

Task<void> ReleaseOne(Expected& state, uint32_t endpoint) {
  const auto next = std::ranges::find_if(state.waiting, [&](const Expected::Waiting& each) {
    return std::ranges::find(each.tried, endpoint) == each.tried.end();
  });
  if (next == state.waiting.end()) {
    state.held[endpoint].reset();
    EXPECT_TRUE(state.served.empty());
    state.held[endpoint] = state.limits.TryAcquire(endpoint, {});
    EXPECT_EQ(IndexOf(*state.held[endpoint]), endpoint);
    co_return;
  }
  const int name = next->name;
  state.used.push_back(std::move(next->leave));
  state.waiting.erase(next);
  EndpointSlot slot = std::move(*state.held[endpoint]);
  state.held[endpoint].reset();
  slot = EndpointSlot();
  co_await ExpectServed(state, {name, static_cast<int>(endpoint)});
}

Task<void> LeaveOne(Expected& state, size_t index) {
  const int name = state.waiting[index].name;
  state.waiting[index].leave->Cancel();
  co_await ExpectServed(state, {name, -1});
  state.used.push_back(std::move(state.waiting[index].leave));
  state.waiting.erase(state.waiting.begin() + static_cast<ptrdiff_t>(index));
}

Task<void> ComeLeaveAndRelease(core::RuntimeHandle runtime, Expected& state) {
  core::testing::Random random(core::testing::Seed());
  core::TaskGroup group(runtime);
  for (uint32_t e = 0; e < Expected::kEndpoints; ++e)
    state.held[e] = state.limits.TryAcquire(e, {});
  for (uint32_t name = 0; name < 3000; ++name) {
    Tried tried;
    for (uint32_t e = 0; e < Expected::kEndpoints; ++e) {
      if (random() % 3 != 0) tried.push_back(e);
    }
    if (tried.size() == Expected::kEndpoints) tried.pop_back();
    state.waiting.push_back({.name = static_cast<int>(name), .tried = tried});
    group.Spawn(WaitOrLeave(state, name, tried, state.waiting.back().leave->token()));
    co_await YieldTimes(2);
    while (state.waiting.size() > random() % 20) {
      const uint64_t what = random();
      if (what % 4 == 0) {
        co_await LeaveOne(state, what / 4 % state.waiting.size());
      } else {
        co_await ReleaseOne(state, static_cast<uint32_t>(what / 4 % Expected::kEndpoints));
      }
      EXPECT_EQ(state.limits.queue.waiting(), state.waiting.size());
    }
  }
  while (!state.waiting.empty()) co_await LeaveOne(state, 0);
  co_await group.Join();
  for (std::optional<EndpointSlot>& slot : state.held) slot.reset();
}

TEST(EndpointQueue, TheOldestThatAcceptsIsServedWhateverComesAndGoes) {
  TestRuntime runtime(1);
  Expected state;
  runtime.Run(ComeLeaveAndRelease(runtime.handle(), state));
}

// Walking the queue once per event, this would take minutes: 40,000 wait, all have tried endpoint
// 0, whose slot is released 40,000 times; then they leave, the last one first.
Task<void> Crowd(core::RuntimeHandle runtime, Limits& limits) {
  constexpr int kCount = 40'000;
  std::optional<EndpointSlot> held = limits.TryAcquire(1, {});
  std::vector<std::unique_ptr<core::CancellationSource>> leave;
  core::TaskGroup group(runtime);
  for (int i = 0; i < kCount; ++i) {
    leave.push_back(std::make_unique<core::CancellationSource>());
    group.Spawn([](Limits& queue, core::CancellationToken token) -> Task<void> {
      auto wait = [](Limits& from) -> Task<void> {
        const Tried tried{0};
        EndpointSlot slot = co_await WaitForSlot(from, 1, tried);
        EXPECT_FALSE(slot.valid());
      };
      (void)co_await core::Select(wait(queue), UntilTold(token));
    }(limits, leave.back()->token()));
    if (i % 100 == 0) co_await core::testing::Yield();
  }
  co_await YieldTimes(10);
  for (int i = 0; i < kCount; ++i) EXPECT_TRUE(limits.TryAcquire(0, {}).valid());
  for (size_t i = leave.size(); i > 0; --i) {
    leave[i - 1]->Cancel();
    if (i % 100 == 0) co_await core::testing::Yield();
  }
  co_await group.Join();
  held.reset();
}

TEST(EndpointQueue, ALongQueueIsNotWalked) {
  TestRuntime runtime(1);
  Limits limits({1, 1});
  runtime.Run(Crowd(runtime.handle(), limits));
}

struct Storm {
  static constexpr uint32_t kMax = 3;
  Limits limits{{kMax, kMax}};
  std::atomic<uint32_t> inside[2] = {};
  std::atomic<bool> over{false};
  std::atomic<int> served{0};
};

Task<void> ComeAndGo(Storm& storm, uint32_t first) {
  for (int i = 0; i < 200; ++i) {
    EndpointSlot slot = co_await WaitForSlot(storm.limits, first, {});
    if (++storm.inside[IndexOf(slot)] > Storm::kMax) storm.over = true;
    if (i % 3 != 0) co_await core::testing::Yield();
    --storm.inside[IndexOf(slot)];
    ++storm.served;
  }
}

Task<void> StormMain(core::RuntimeHandle runtime, Storm& storm) {
  core::TaskGroup group(runtime);
  for (uint32_t i = 0; i < 40; ++i) group.Spawn(ComeAndGo(storm, i % 2));
  co_await group.Join();
}

TEST(EndpointQueue, ExactUnderAStorm) {
  TestRuntime runtime(4);
  Storm storm;
  runtime.Run(StormMain(runtime.handle(), storm));
  EXPECT_FALSE(storm.over);
  EXPECT_EQ(storm.served, 40 * 200);
}

}  // namespace
}  // namespace sluice::proxy
