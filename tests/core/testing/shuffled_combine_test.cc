// Tasks, handles and limits in 2,000 orders: every outcome comes once, what is aborted gives back
// what it held, limits hold.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/combine/run_with_limit.h"
#include "core/runtime/join_set.h"
#include "core/runtime/task_tracker.h"
#include "core/sync/semaphore.h"
#include "core/time/sleep.h"
#include "tests/core/testing/shuffled.h"

namespace sluice::core::testing {
namespace {

// Ends with a value, an exception, or cancelled.
Task<int> EndSomehow(Dice dice, int number) {
  const int end = dice.Roll(4);
  co_await Yields(dice.Roll(5));
  if (end == 0) throw std::runtime_error("broken");
  if (end == 1) throw Cancelled();
  if (end == 2 && !co_await Sleep(dice.Roll(5) * 1ms)) throw Cancelled();
  co_return number;
}

Task<void> JoinSetScenario(Dice dice) {
  constexpr int kTasks = 6;
  JoinSet<int> set;
  std::vector<AbortHandle> handles;
  for (int i = 0; i < kTasks; ++i) handles.push_back(set.Spawn(EndSomehow(dice.Split(), i)));
  std::array<int, kTasks> times{};
  int outcomes = 0;
  while (outcomes < kTasks) {
    if (dice.Roll(3) == 0) handles[static_cast<size_t>(dice.Roll(kTasks))].Abort();
    std::optional<Outcome<int>> outcome = co_await CutShort(dice, set.Next());
    if (!outcome.has_value()) continue;
    ++outcomes;
    if (outcome->has_value()) ++times[static_cast<size_t>(outcome->value())];
  }
  EXPECT_TRUE(set.empty());
  for (const int count : times) EXPECT_LE(count, 1);
}
TEST(ShuffledCombineTest, JoinSet) { RunInManyOrders(JoinSetScenario); }

// Tasks that hold permits, and are aborted at any moment.
Task<void> HoldUntilAborted(Dice dice, Semaphore& semaphore) {
  for (;;) {
    auto permit = co_await semaphore.Acquire(static_cast<size_t>(1 + dice.Roll(2)));
    if (!permit.ok()) co_return;
    co_await Yields(dice.Roll(3));
    if (!co_await Sleep(1ms)) co_return;
  }
}
Task<void> AbortScenario(Dice dice) {
  Semaphore semaphore(3);
  std::vector<JoinHandle<void>> handles;
  for (int i = 0; i < 4; ++i) handles.push_back(Spawn(HoldUntilAborted(dice.Split(), semaphore)));
  for (JoinHandle<void>& handle : handles) {
    co_await Yields(dice.Roll(4));
    handle.Abort();
  }
  for (JoinHandle<void>& handle : handles) (void)co_await std::move(handle);
  EXPECT_EQ(semaphore.available(), 3u);
}
TEST(ShuffledCombineTest, Abort) { RunInManyOrders(AbortScenario); }

Task<void> TrackerScenario(Dice dice) {
  TaskTracker tracker(RuntimeHandle::Current());
  int ended = 0;
  const auto end = [&ended](Dice of_task) -> Task<void> {
    co_await Yields(of_task.Roll(6));
    ++ended;
  };
  for (int i = 0; i < 5; ++i) tracker.Spawn(end(dice.Split())).Detach();
  tracker.Close();
  while (!co_await CutShort(dice, tracker.Wait())) {
  }
  EXPECT_EQ(ended, 5);
  EXPECT_EQ(tracker.tasks(), 0u);
}
TEST(ShuffledCombineTest, TaskTracker) { RunInManyOrders(TrackerScenario); }

Task<void> LimitScenario(Dice dice) {
  int now = 0;
  int most = 0;
  const size_t ended = co_await RunWithLimit(3, std::vector<int>(9), [&](int) -> Task<void> {
    most = std::max(most, ++now);
    co_await Yields(dice.Roll(4));
    if (dice.Roll(2) == 0) (void)co_await Sleep(dice.Roll(3) * 1ms);
    --now;
  });
  EXPECT_EQ(ended, 9u);
  EXPECT_LE(most, 3);
  EXPECT_EQ(now, 0);
}
TEST(ShuffledCombineTest, RunWithLimit) { RunInManyOrders(LimitScenario); }

}  // namespace
}  // namespace sluice::core::testing
