// EndpointQueue::Forgive: sessions that wait, and may have what they have tried after all.
#include <gtest/gtest.h>

#include <cstddef>

#include "core/runtime/task_group.h"
#include "proxy/upstream/endpoint_queue.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"
#include "tests/proxy/upstream/endpoints.h"
#include "tests/proxy/upstream/forgiving.h"

namespace sluice::proxy {
namespace {

using core::Task;
using core::testing::TestRuntime;
using testing::Come;
using testing::EndAll;
using testing::Endpoints;
using testing::Forgive;
using testing::Release;
using testing::State;
using testing::Wait;

Task<void> IsUsable(core::RuntimeHandle runtime, State& state) {
  core::TaskGroup group(runtime);
  co_await Come(state, group, {0});
  EXPECT_EQ(state.served, "");
  co_await Forgive(state, 'a');
  EXPECT_EQ(state.served, "a0");
  co_await EndAll(state, group);
}

TEST(Forgive, WhatIsUsableIsGivenAtOnce) {
  TestRuntime runtime(1);
  State state({0, 1});
  runtime.Run(IsUsable(runtime.handle(), state));
}

Task<void> KeepsItsPlace(core::RuntimeHandle runtime, State& state) {
  core::TaskGroup group(runtime);
  co_await Come(state, group, {0});
  co_await Come(state, group, {0});
  co_await Come(state, group, {});
  co_await Forgive(state, 'b');
  EXPECT_EQ(state.served, "");
  co_await Release(state, 0);
  EXPECT_EQ(state.served, "b0") << "a is not forgiven, c has come later";
  co_await Release(state, 1);
  EXPECT_EQ(state.served, "b0a1");
  co_await Release(state, 1);
  EXPECT_EQ(state.served, "b0a1c1");
  co_await EndAll(state, group);
}

TEST(Forgive, OneThatWaitsOnKeepsItsPlace) {
  TestRuntime runtime(1);
  State state({1, 1});
  runtime.Run(KeepsItsPlace(runtime.handle(), state));
}

// What is released was passed over by a, b and c, so that the search for the next begins behind.
Task<void> IsFoundAgain(core::RuntimeHandle runtime, State& state) {
  core::TaskGroup group(runtime);
  for (int i = 0; i < 3; ++i) co_await Come(state, group, {0});
  co_await Come(state, group, {});
  co_await Release(state, 0);
  EXPECT_EQ(state.served, "d0");
  co_await Come(state, group, {});
  co_await Forgive(state, 'b');
  co_await Release(state, 0);
  EXPECT_EQ(state.served, "d0b0");
  co_await Release(state, 0);
  EXPECT_EQ(state.served, "d0b0e0") << "neither a nor c is forgiven";
  co_await Forgive(state, 'c');
  co_await Forgive(state, 'a');
  co_await Release(state, 0);
  co_await Release(state, 0);
  EXPECT_EQ(state.served, "d0b0e0a0c0");
  co_await EndAll(state, group);
}

TEST(Forgive, OneThatWasPassedOverIsFoundAgain) {
  TestRuntime runtime(1);
  State state({1, 1});
  runtime.Run(IsFoundAgain(runtime.handle(), state));
}

// It is told, and it is given a slot, before its task has run.
Task<void> IsGranted(core::RuntimeHandle runtime, State& state) {
  core::TaskGroup group(runtime);
  co_await Come(state, group, {0});
  state.forgiven.front().Cancel();
  co_await Release(state, 1);
  EXPECT_EQ(state.served, "a1");
  EXPECT_EQ(state.endpoints[0]->active(), 0u);
  co_await EndAll(state, group);
}

TEST(Forgive, NothingHappensToOneThatHasBeenGivenASlot) {
  TestRuntime runtime(1);
  State state({0, 1});
  runtime.Run(IsGranted(runtime.handle(), state));
}

// ... and when all are sent away.
Task<void> IsClosed(core::RuntimeHandle runtime, State& state) {
  core::TaskGroup group(runtime);
  co_await Come(state, group, {0});
  state.forgiven.front().Cancel();
  state.queue.Close();
  co_await group.Join();
  EXPECT_EQ(state.served, "");
  EXPECT_EQ(state.endpoints[0]->active(), 0u);
}

TEST(Forgive, NothingHappensWhenTheQueueIsClosed) {
  TestRuntime runtime(1);
  State state({0, 1});
  runtime.Run(IsClosed(runtime.handle(), state));
}

// The better endpoint has the turn again, and is full: the other one is accepted as before.
Task<void> AcceptsBoth(core::RuntimeHandle runtime, State& state, uint32_t first) {
  state.queue.Publish(
      Endpoints::MakeSet({{.endpoint = state.endpoints[0], .max_connections = 1},
                          {.endpoint = state.endpoints[1], .max_connections = 1, .priority = 1}},
                         state.policy));
  core::TaskGroup group(runtime);
  co_await Come(state, group, {0});
  co_await Forgive(state, 'a');
  co_await Release(state, first);
  EXPECT_EQ(state.served, first == 0 ? "a0" : "a1");
  co_await EndAll(state, group);
}

TEST(Forgive, WhatWasAcceptedBeforeStillIs) {
  for (const uint32_t first : {0u, 1u}) {
    TestRuntime runtime(1);
    State state({1, 1});
    runtime.Run(AcceptsBoth(runtime.handle(), state, first));
  }
}

// Walking the queue for each that is forgiven, this would take minutes. All have been passed over;
// the last one is forgiven first, and they are served in the order in which they came.
constexpr size_t kCrowd = 40'000;

struct Counts {
  size_t come = 0;
  size_t served = 0;
};

Task<void> WaitInCrowd(State& state, Counts& counts) {
  const size_t number = counts.come++;
  const EndpointSlot slot = co_await Wait(state, {0}, state.forgiven[number].token());
  EXPECT_TRUE(slot.valid());
  EXPECT_EQ(number, counts.served);
  ++counts.served;
}

Task<void> Crowd(core::RuntimeHandle runtime, State& state) {
  core::TaskGroup group(runtime);
  Counts counts;
  for (size_t i = 0; i < kCrowd; ++i) {
    state.forgiven.emplace_back();
    group.Spawn(WaitInCrowd(state, counts));
    if (i % 100 == 0) co_await core::testing::Yield();
  }
  co_await core::testing::Until([&] { return counts.come == kCrowd; });
  state.Release(0);
  state.Take(0);
  for (size_t i = kCrowd; i > 0; --i) {
    state.forgiven[i - 1].Cancel();
    if (i % 100 == 0) co_await core::testing::Yield();
  }
  co_await core::testing::Until([&] { return state.forgave == kCrowd; });
  EXPECT_EQ(counts.served, 0u);
  state.Release(0);
  co_await group.Join();
  EXPECT_EQ(counts.served, kCrowd);
}

TEST(Forgive, ALongQueueIsNotWalked) {
  TestRuntime runtime(1);
  State state({1, 1});
  runtime.Run(Crowd(runtime.handle(), state));
}

}  // namespace
}  // namespace sluice::proxy
