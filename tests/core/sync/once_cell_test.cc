// OnceCell: one initialiser makes the value, once; one that fails passes its turn on.
#include "core/sync/once_cell.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>

#include "core/runtime/task_group.h"
#include "core/sync/event.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "tests/core/support/cancel_driver.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

using Cell = OnceCell<std::unique_ptr<int>>;

Task<void> Then(int yields, auto act) {
  for (; yields > 0; --yields) co_await Yield();
  act();
}
Task<void> Expect(Cell& cell, int mine, int expected, int& calls) {
  auto made = co_await cell.GetOrInit([&calls, mine]() -> Task<std::unique_ptr<int>> {
    ++calls;
    co_await Yield();  // the turn is over: the others give way, and queue in the next one
    co_await Yield();
    co_return std::make_unique<int>(mine);
  });
  EXPECT_TRUE(made.ok());
  EXPECT_EQ(***made, expected);
  EXPECT_EQ(*made, cell.Get());
}

Task<void> OnceMain() {
  Cell cell;
  EXPECT_EQ(cell.Get(), nullptr);
  int calls = 0;
  co_await Join(Expect(cell, 1, 1, calls), Expect(cell, 2, 1, calls), Expect(cell, 3, 1, calls),
                Then(1, [&] {
                  EXPECT_EQ(cell.waiting(), 2u);
                  EXPECT_FALSE(cell.Set(std::make_unique<int>(4)));  // one is being made
                }));
  co_await Expect(cell, 5, 1, calls);
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(cell.Set(std::make_unique<int>(6)));
  EXPECT_EQ(**cell.Get(), 1);
}
TEST(OnceCellTest, OneInitialiserRunsAndTheOthersWaitForIt) { TestRuntime(1).Run(OnceMain()); }

Task<void> SetMain() {
  Cell cell;
  EXPECT_TRUE(cell.Set(std::make_unique<int>(7)));
  EXPECT_FALSE(cell.Set(std::make_unique<int>(8)));
  int calls = 0;
  co_await Expect(cell, 9, 7, calls);
  EXPECT_EQ(calls, 0);
}
TEST(OnceCellTest, SetFillsAnEmptyCell) { TestRuntime(1).Run(SetMain()); }

// Fails when `error` is not 0.
Task<void> Try(OnceCell<int>& cell, int error, int& calls) {
  auto made = co_await cell.GetOrInit([&]() -> Task<IoResult<int>> {
    ++calls;
    co_await Yield();
    if (error != 0) co_return IoError(error);
    co_return 1;
  });
  EXPECT_EQ(made.error(), error);
  EXPECT_EQ(made.ok() ? *made : nullptr, cell.Get());
}
Task<void> FailsMain() {
  OnceCell<int> cell;
  int calls = 0;
  co_await Try(cell, EIO, calls);
  EXPECT_EQ(cell.Get(), nullptr);
  co_await Join(Try(cell, EIO, calls), Try(cell, ENOENT, calls), Try(cell, 0, calls));
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(*cell.Get(), 1);
}
TEST(OnceCellTest, AnErrorIsItsCallersAndTheNextTries) { TestRuntime(1).Run(FailsMain()); }

Task<void> Throws(OnceCell<int>& cell) {
  bool thrown = false;
  try {
    (void)co_await cell.GetOrInit([]() -> Task<int> {
      co_await Yield();
      throw std::runtime_error("no");
    });
  } catch (const std::runtime_error&) {
    thrown = true;
  }
  EXPECT_TRUE(thrown);
}
Task<void> ThrowsMain() {
  OnceCell<int> cell;
  int calls = 0;
  co_await Join(Throws(cell), Try(cell, 0, calls));
  EXPECT_EQ(calls, 1);
}
TEST(OnceCellTest, AnExceptionIsItsCallersAndTheNextTries) { TestRuntime(1).Run(ThrowsMain()); }

Task<void> CancelledMain() {
  OnceCell<int> cell;
  Event never;
  int calls = 0;
  auto cancelled = [](OnceCell<int>& to, Event& waits) -> Task<void> {
    auto outcome = co_await Select(to.GetOrInit([&waits]() -> Task<IoResult<int>> {
      auto happened = co_await waits.Wait();
      if (!happened.ok()) co_return IoError(happened.error());
      co_return 0;
    }),
                                   Then(2, [] {}));
    EXPECT_EQ(outcome.Get<0>().error(), ECANCELED);
  };
  co_await Join(cancelled(cell, never), Try(cell, 0, calls), Then(1, [&] {
                  EXPECT_EQ(calls, 0);
                  EXPECT_EQ(cell.waiting(), 1u);
                }));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(*cell.Get(), 1);
}
TEST(OnceCellTest, ACancelledInitialiserPassesTheTurnOn) { TestRuntime(1).Run(CancelledMain()); }

// Every order of cancellations. The initialisers wait for the first grant; the second calls Set.
struct OrderCase {
  Task<bool> Wait(int wait) {
    auto made = co_await cell.GetOrInit([this, wait]() -> Task<IoResult<int>> {
      ++running;
      auto happened = co_await go.Wait();
      --running;
      if (!happened.ok()) co_return IoError(happened.error());
      ++successes;
      co_return wait;
    });
    if (running > 1) wrong = "two run at once";
    if (made.ok() && *made != cell.Get()) wrong = "another value";
    co_return made.ok();
  }
  void Grant(int nth) {
    if (nth == 0) return go.Set();
    if (cell.Set(2)) ++successes;
  }
  std::string Check(const CancelRun& run) {
    if (successes != (cell.Get() == nullptr ? 0 : 1)) return "made more than once, or lost";
    if (run.got > 0 && cell.Get() == nullptr) return "got nothing";
    if (run.waiting > 0 && run.given > 0) return "one waits for ever";
    return wrong;
  }
  OnceCell<int> cell;
  Event go;
  int running = 0;
  int successes = 0;
  std::string wrong;
};
TEST(OnceCellTest, MadeOnceInAnyOrderOfCancellations) { EXPECT_EQ(FindBadOrder<OrderCase>(), ""); }

// Tasks on three workers; two of three initialisers fail.
Task<void> StormMain(TestRuntime& runtime, OnceCell<int>& cell, std::atomic<int>& made) {
  TaskGroup group(runtime.handle());
  for (int i = 0; i < 100; ++i) {
    group.Spawn(
        [](OnceCell<int>& to, int number, std::atomic<int>& count) -> Task<void> {
          auto value = co_await to.GetOrInit([&]() -> Task<IoResult<int>> {
            co_await Yield();
            if (number % 3 != 0) co_return IoError(EIO);
            ++count;
            co_return number + 1;
          });
          if (value.ok()) EXPECT_EQ(*value, to.Get());
          EXPECT_TRUE(number % 3 != 0 || value.ok());
        }(cell, i, made),
        runtime.worker(static_cast<uint32_t>(i) % 3));
  }
  co_await group.Join();
}
TEST(OnceCellTest, MadeOnceInAStorm) {
  for (int round = 0; round < 50; ++round) {
    TestRuntime runtime(3);
    OnceCell<int> cell;
    std::atomic<int> made{0};
    runtime.Run(StormMain(runtime, cell, made));
    EXPECT_EQ(made, 1);
    EXPECT_NE(cell.Get(), nullptr);
  }
}

Task<void> DestroyedMain() {
  auto cell = std::make_unique<OnceCell<int>>();
  co_await Join(
      [](OnceCell<int>& gone) -> Task<void> {
        (void)co_await gone.GetOrInit([]() -> Task<int> {
          co_await Yield();
          co_return 1;
        });
      }(*cell),
      Then(0, [&] { cell.reset(); }));
}
TEST(OnceCellDeathTest, MisuseIsTold) {
  EXPECT_DEATH(TestRuntime(1).Run(DestroyedMain()), "an initialiser of this OnceCell still runs");
}

}  // namespace
}  // namespace sluice::core::testing
