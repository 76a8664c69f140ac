// Event: set or not; waits end when it is, and none is missed.
#include "core/sync/event.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "core/runtime/task_group.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "tests/core/support/cancel_driver.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

Task<void> Then(int yields, auto act) {
  for (; yields > 0; --yields) co_await Yield();
  act();
}
Task<void> WaitFor(Event& event, int& woken) {
  EXPECT_TRUE((co_await event.Wait()).ok());
  ++woken;
}

Task<void> ManualMain() {
  Event event;
  int woken = 0;
  co_await Join(WaitFor(event, woken), WaitFor(event, woken), Then(1, [&] {
                  EXPECT_EQ(event.waiting(), 2u);
                  event.Set();
                  event.Reset();  // what has been woken stays woken
                }));
  EXPECT_EQ(woken, 2);
  EXPECT_FALSE(event.is_set());
  event.Set();
  event.Set();
  co_await WaitFor(event, woken);
  co_await WaitFor(event, woken);
  event.Reset();
  auto outcome = co_await Select(event.Wait(), Then(1, [] {}));
  EXPECT_EQ(outcome.Get<0>().error(), ECANCELED);
}
TEST(EventTest, WakesAllAndStaysSetUntilItIsReset) { TestRuntime(1).Run(ManualMain()); }

TEST(EventTest, MayBeginSet) {
  TestRuntime(1).Run([]() -> Task<void> {
    Event event(true);
    EXPECT_TRUE((co_await event.Wait()).ok());
  }());
}

// The first grant sets it, the second resets it.
struct OrderCase {
  Task<bool> Wait(int) { co_return (co_await event.Wait()).ok(); }
  void Grant(int nth) { nth == 0 ? event.Set() : event.Reset(); }
  std::string Check(const CancelRun& run) {
    if (run.given == 0 && run.got > 0) return "woken for nothing";
    return event.is_set() && run.waiting > 0 ? "one waits though it is set" : "";
  }
  Event event;
};
TEST(EventTest, NoWaitIsMissedInAnyOrderOfCancellations) {
  EXPECT_EQ(FindBadOrder<OrderCase>(), "");
}

// Set by a plain thread while tasks on three workers come; what came before Set is seen.
TEST(EventTest, WakesEveryTaskInAStorm) {
  for (int round = 0; round < 50; ++round) {
    TestRuntime runtime(3);
    Event event;
    int value = 0;
    std::atomic<int> seen{0};
    std::thread setter([&] {
      value = 1;
      event.Set();
    });
    runtime.Run(
        [](TestRuntime& on, Event& wanted, int& what, std::atomic<int>& count) -> Task<void> {
          TaskGroup group(on.handle());
          for (uint32_t i = 0; i < 100; ++i) {
            group.Spawn(
                [](Event& waits, int& told, std::atomic<int>& sum) -> Task<void> {
                  EXPECT_TRUE((co_await waits.Wait()).ok());
                  sum += told;
                }(wanted, what, count),
                on.worker(i % 3));
          }
          co_await group.Join();
        }(runtime, event, value, seen));
    setter.join();
    EXPECT_EQ(seen, 100);
  }
}

Task<void> DestroyedMain() {
  auto event = std::make_unique<Event>();
  co_await Join([](Event& gone) -> Task<void> { (void)co_await gone.Wait(); }(*event),
                Then(1, [&] { event.reset(); }));
}
TEST(EventDeathTest, MisuseIsTold) {
  EXPECT_DEATH(TestRuntime(1).Run(DestroyedMain()), "a task still waits for this Event");
}

}  // namespace
}  // namespace sluice::core::testing
