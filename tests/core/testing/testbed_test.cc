// Testbed: what is wrong is told by name, and what is right passes.
#include "core/testing/testbed.h"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "core/combine/from_callback.h"
#include "core/runtime/spawn.h"
#include "core/runtime/task_group.h"
#include "core/sync/event.h"
#include "core/sync/mpsc.h"
#include "core/sync/semaphore.h"
#include "core/task/join.h"
#include "core/task/yield.h"
#include "core/testing/probe.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "tests/core/support/backends.h"

namespace sluice::core::testing {

// With external linkage, so that it has a symbol.
[[gnu::noinline]] Task<void> LeftBehind(Event& event) { (void)co_await event.Wait(); }

namespace {

using ::testing::Test;

class TestbedTest : public BackendTest {
 protected:
  TestbedOptions Bed() const {
    return {.workers = GetParam().workers, .backend = GetParam().backend};
  }
};
SLUICE_ON_EVERY_BACKEND(TestbedTest);

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_P(TestbedTest, ATestThatIsRightLeavesNothing) {
  Testbed bed(Bed());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(bed.Run([]() -> Task<void> {
      const Instant before = Now();
      TaskGroup group(RuntimeHandle::Current());
      for (int hours = 1; hours < 5; ++hours) {
        group.Spawn(CoInvoke([hours]() -> Task<void> { (void)co_await Sleep(hours * 1h); }));
      }
      co_await group.Join();
      EXPECT_EQ(Now() - before, 4h);
    }),
              "");
  }
  EXPECT_EQ(bed.Finish(), "");
}

// A task that was let go and is about to end is not left.
TEST_P(TestbedTest, WhatCanEndEnds) {
  Testbed bed(Bed());
  EXPECT_EQ(bed.Run([]() -> Task<void> {
    Spawn([]() -> Task<void> {
      for (int i = 0; i < 500; ++i) co_await core::Yield();
    }).Detach();
    co_return;
  }),
            "");
  EXPECT_EQ(bed.Finish(), "");
}

TEST_P(TestbedTest, ATaskThatIsLeftIsNamedByItsWait) {
  Event event;
  Testbed bed(Bed());
  EXPECT_EQ(bed.Run([&event]() -> Task<void> {
    for (int i = 0; i < 2; ++i) Spawn(LeftBehind(event)).Detach();
    Spawn([]() -> Task<void> { (void)co_await Sleep(1h); }).Detach();
    co_return;
  }),
            "");
  const std::string left = bed.Finish();
  EXPECT_TRUE(Has(left, "3 tasks are left")) << left;
  EXPECT_TRUE(Has(left, "2 tasks wait for sluice::core::Event::Awaiter")) << left;
  EXPECT_TRUE(Has(left, "1 task waits for sluice::core::SleepAwaiter")) << left;
  EXPECT_TRUE(Has(left, "1 timer is armed")) << left;
  EXPECT_FALSE(Has(left, "frame")) << left;
}

TEST_P(TestbedTest, AFrameThatIsLeftIsNamedByItsMaker) {
  Event event;
  event.Set();
  std::optional<JoinHandle<void>> handle;
  std::optional<Task<void>> task;
  std::string left;
  {
    Testbed bed(Bed());
    EXPECT_EQ(bed.Run([&]() -> Task<void> {
      handle = Spawn(LeftBehind(event));
      task = LeftBehind(event);  // never awaited
      EXPECT_TRUE(co_await handle->Ended());
    }),
              "");
    left = bed.Finish();
    handle.reset();
    task.reset();
  }
  EXPECT_TRUE(Has(left, "left after the end of the runtime")) << left;
  EXPECT_TRUE(Has(left, "made by sluice::core::testing::LeftBehind()")) << left;
}

TEST_P(TestbedTest, ATaskThatCannotEndSaysWhatItWaitsFor) {
  Testbed bed(Bed());
  const std::string wrong = bed.Run([]() -> Task<void> {
    auto [sender, receiver] = Mpsc<int>::Make(1);
    Semaphore none(0);
    auto [received, permit] = co_await Join(receiver.Next(), none.Acquire());
    EXPECT_EQ(received.error(), ECANCELED);
  });
  EXPECT_TRUE(Has(wrong, "the task cannot end")) << wrong;
  EXPECT_TRUE(Has(wrong, "JoinAwaiter")) << wrong;
  EXPECT_EQ(bed.Run([]() -> Task<void> { co_return; }), "");
  EXPECT_EQ(bed.Finish(), "");
}

TEST_P(TestbedTest, ExceptionsAndGivingUpAreTold) {
  Testbed bed(Bed());
  EXPECT_EQ(bed.Run([]() -> Task<void> {
    co_await core::Yield();
    throw std::runtime_error("no such room");
  }),
            "the task has thrown: no such room\n");
  EXPECT_TRUE(Has(bed.Run([]() -> Task<void> {
    co_await core::Yield();
    throw Cancelled();
  }),
                  "cancelled"));
  EXPECT_EQ(bed.Finish(), "");
}

// What comes from a thread of its own is waited for while the clock is held.
TEST_P(TestbedTest, AHoldKeepsATaskFromCountingAsStuck) {
  Testbed bed(Bed());
  std::thread thread;
  EXPECT_EQ(bed.Run([&]() -> Task<void> {
    std::optional<PausedClock::Hold> hold(bed.clock());
    const Instant before = Now();
    IoResult<int> answer = co_await FromCallback<int>([&](Completer<int> done) {
      thread = std::thread([done = std::move(done)]() mutable { done.Complete(42); });
    });
    hold.reset();
    EXPECT_EQ(*answer, 42);
    EXPECT_EQ(Now(), before);
  }),
            "");
  thread.join();
  EXPECT_EQ(bed.Finish(), "");
}

Task<void> NoteName(std::string& order, char name) {
  co_await core::Yield();
  order += name;
}
std::string OrderOf(uint64_t seed, Backend backend) {
  std::string order;
  Testbed bed({.backend = backend, .shuffle_seed = seed});
  EXPECT_EQ(bed.Run([&order]() -> Task<void> {
    TaskGroup group(RuntimeHandle::Current());
    for (char name = 'a'; name < 'i'; ++name) group.Spawn(NoteName(order, name));
    co_await group.Join();
  }),
            "");
  EXPECT_EQ(bed.Finish(), "");
  return order;
}
TEST_P(TestbedTest, ASeedIsAnOrder) {
  const Backend backend = GetParam().backend;
  EXPECT_EQ(OrderOf(7, backend), OrderOf(7, backend));
  EXPECT_NE(OrderOf(7, backend), OrderOf(8, backend));
  EXPECT_EQ(OrderOf(0, backend), "abcdefgh");
}

}  // namespace
}  // namespace sluice::core::testing
