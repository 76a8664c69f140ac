// Barrier: none goes on before as many have come as it counts, round after round.
#include "core/sync/barrier.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

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
Task<void> Pass(Barrier& barrier, char name, std::string& order) {
  order += name;
  auto leads = co_await barrier.Wait();
  EXPECT_TRUE(leads.ok());
  order += static_cast<char>(name - 'a' + 'A');
  if (*leads) order += '!';
}

Task<void> RoundsMain() {
  Barrier barrier(3);
  std::string order;
  co_await Join(Pass(barrier, 'a', order), Pass(barrier, 'b', order),
                Then(2,
                     [&] {
                       EXPECT_EQ(barrier.waiting(), 2u);
                       EXPECT_EQ(order, "ab");
                     }),
                [](Barrier& last, std::string& to) -> Task<void> {
                  for (int i = 0; i < 4; ++i) co_await Yield();
                  co_await Pass(last, 'c', to);
                }(barrier, order));
  EXPECT_EQ(order, "abcC!AB");
  order.clear();
  co_await Join(Pass(barrier, 'a', order), Pass(barrier, 'b', order), Pass(barrier, 'c', order));
  EXPECT_EQ(order, "abcC!AB");
}
TEST(BarrierTest, AllGoOnWhenTheLastHasComeAndOneLeadsEachRound) {
  TestRuntime(1).Run(RoundsMain());
}

TEST(BarrierTest, OfOneNeverWaits) {
  TestRuntime(1).Run([]() -> Task<void> {
    Barrier barrier(1);
    auto leads = co_await barrier.Wait();
    EXPECT_TRUE(leads.ok());
    EXPECT_TRUE(*leads);
  }());
}

Task<void> GivesUpMain() {
  Barrier barrier(2);
  std::string order;
  {
    auto outcome = co_await Select(barrier.Wait(), Then(1, [] {}));
    EXPECT_EQ(outcome.Get<0>().error(), ECANCELED);
  }
  EXPECT_EQ(barrier.waiting(), 0u);
  co_await Join(Pass(barrier, 'a', order), Then(2, [&] { EXPECT_EQ(order, "a"); }),
                [](Barrier& last, std::string& to) -> Task<void> {
                  for (int i = 0; i < 4; ++i) co_await Yield();
                  co_await Pass(last, 'b', to);
                }(barrier, order));
  EXPECT_EQ(order, "abB!A");
}
TEST(BarrierTest, ATaskThatGivesUpIsNotCounted) { TestRuntime(1).Run(GivesUpMain()); }

// Every order of cancellations: a round of two is made by both waits, or by one of them and one of
// the other tasks, each of which comes with a grant and stays until it has company.
struct OrderCase {
  Task<bool> Wait(int) {
    auto leads = co_await barrier.Wait();
    if (leads.ok()) ++passed;
    if (leads.ok() && *leads) ++led;
    co_return leads.ok();
  }
  Task<void> Come() { EXPECT_TRUE(co_await Wait(0)); }
  void Grant(int) {
    ++others;
    auto* const task = new TaskCell<void>(Come());
    task->Launch(shared);
    task->Unref();
    shared.Schedule(*task);
    RunAll();
  }
  void RunAll() {
    while (Runnable* task = shared.PopInjected()) task->Run();
  }
  std::string Check(const CancelRun& run) {
    RunAll();
    if (barrier.waiting() > 1) return "two wait";
    if (passed % 2 != 0 || passed != 2 * led) return "not in rounds of two";
    const int others_waiting = others - (passed - run.got);
    if (barrier.waiting() != static_cast<size_t>(run.waiting + others_waiting))
      return "one is lost";
    if (run.waiting == 0 && others_waiting == 1) Grant(0);  // so that it ends
    return "";
  }
  Shared shared{1};
  Barrier barrier{2};
  int others = 0;
  int passed = 0;
  int led = 0;
};

TEST(BarrierTest, NoneIsLostInAnyOrderOfCancellations) { EXPECT_EQ(FindBadOrder<OrderCase>(), ""); }

// No task is more than one round ahead of another.
Task<void> Rounds(Barrier& barrier, std::vector<std::atomic<int>>& at, size_t self, int rounds,
                  std::atomic<int>& led) {
  for (int round = 0; round < rounds; ++round) {
    at[self] = round;
    auto leads = co_await barrier.Wait();
    EXPECT_TRUE(leads.ok());
    if (*leads) ++led;
    for (const std::atomic<int>& other : at) EXPECT_GE(other, round);
  }
}
Task<void> StormMain(TestRuntime& runtime, Barrier& barrier, std::vector<std::atomic<int>>& at,
                     int rounds, std::atomic<int>& led) {
  TaskGroup group(runtime.handle());
  for (size_t i = 0; i < at.size(); ++i) {
    group.Spawn(Rounds(barrier, at, i, rounds, led), runtime.worker(static_cast<uint32_t>(i) % 3));
  }
  co_await group.Join();
}
TEST(BarrierTest, KeepsTheRoundsInAStorm) {
  constexpr int kRounds = 500;
  TestRuntime runtime(3);
  std::vector<std::atomic<int>> at(7);
  Barrier barrier(at.size());
  std::atomic<int> led{0};
  runtime.Run(StormMain(runtime, barrier, at, kRounds, led));
  EXPECT_EQ(led, kRounds);
}

Task<void> DestroyedMain() {
  auto barrier = std::make_unique<Barrier>(2);
  co_await Join([](Barrier& gone) -> Task<void> { (void)co_await gone.Wait(); }(*barrier),
                Then(1, [&] { barrier.reset(); }));
}
TEST(BarrierDeathTest, MisuseIsTold) {
  EXPECT_DEATH(TestRuntime(1).Run(DestroyedMain()), "a task still waits for this Barrier");
  EXPECT_DEATH(Barrier(0), "a round of a Barrier has at least one task");
}

}  // namespace
}  // namespace sluice::core::testing
