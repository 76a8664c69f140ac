// JoinSet and TaskTracker.
#include "core/runtime/join_set.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/runtime/spawn.h"
#include "core/runtime/task_tracker.h"
#include "core/task/select.h"
#include "core/task/task.h"
#include "core/task/yield.h"
#include "tests/core/support/run.h"
#include "tests/core/support/slots.h"

namespace sluice::core {
namespace {

using testing::Slots;
using testing::TestRuntime;

void RunIt(Task<void> main, uint32_t workers = 1) { TestRuntime(workers).Run(std::move(main)); }

Task<int> After(int turns, int value) {
  for (; turns > 0; --turns) co_await Yield();
  co_return value;
}
Task<bool> TakesSlot(Slots& slots) { co_return co_await slots.Take(); }

Task<void> InOrderMain() {
  JoinSet<int> set;
  EXPECT_FALSE((co_await set.Next()).has_value());
  for (int i = 5; i > 0; --i) set.Spawn(After(i * 10, i));
  EXPECT_EQ(set.size(), 5u);
  std::vector<int> order;
  while (std::optional<Outcome<int>> outcome = co_await set.Next()) {
    order.push_back(outcome->value());
  }
  EXPECT_EQ(order, (std::vector{1, 2, 3, 4, 5}));
  EXPECT_TRUE(set.empty());
}
TEST(JoinSetTest, BringsOutcomesInTheOrderOfTheEnds) { RunIt(InOrderMain()); }

Task<void> TryMain() {
  JoinSet<int> set;
  EXPECT_FALSE(set.TryNext().has_value());
  set.Spawn(After(1, 1));
  set.Spawn(After(100, 2));
  EXPECT_FALSE(set.TryNext().has_value());  // neither has begun
  std::optional<Outcome<int>> first;
  while (!first.has_value()) {
    co_await Yield();
    first = set.TryNext();
  }
  EXPECT_EQ(first->value(), 1);
  EXPECT_FALSE(set.TryNext().has_value());
  EXPECT_EQ(set.size(), 1u);
  EXPECT_EQ((co_await set.Next())->value(), 2);
}
TEST(JoinSetTest, TryNextDoesNotWait) { RunIt(TryMain()); }

Task<void> EmptyMain() {
  JoinSet<int> set;
  JoinHandle<int> other = Spawn(After(10, 1));
  while (!other.finished()) EXPECT_FALSE((co_await set.Next()).has_value());
}
TEST(JoinSetTest, ALoopOverAnEmptySetLetsOthersRun) { RunIt(EmptyMain()); }

Task<int> Throws() {
  co_await Yield();
  throw std::runtime_error("member");
}
Task<void> ThrowsMain() {
  JoinSet<int> set;
  set.Spawn(Throws());
  std::optional<Outcome<int>> outcome = co_await set.Next();
  EXPECT_THROW(outcome.value().value(), std::runtime_error);
}
TEST(JoinSetTest, BringsExceptions) { RunIt(ThrowsMain()); }

Task<void> AbortMain() {
  Slots slots(0);
  JoinSet<bool> set;
  const AbortHandle first = set.Spawn(TakesSlot(slots));
  for (int i = 0; i < 9; ++i) set.Spawn(TakesSlot(slots));
  while (slots.waiting() < 10) co_await Yield();
  first.Abort();
  EXPECT_FALSE((co_await set.Next()).value().value());
  set.AbortAll();
  int ended = 0;
  while (std::optional<Outcome<bool>> outcome = co_await set.Next()) {
    EXPECT_FALSE(outcome->value());
    ++ended;
  }
  EXPECT_EQ(ended, 9);
}
TEST(JoinSetTest, AbortsOneAndAll) { RunIt(AbortMain()); }

Task<void> CutShortMain() {
  Slots slots(0);
  JoinSet<bool> set;
  set.Spawn(TakesSlot(slots));
  auto outcome = co_await Select(Named<"next">(set.Next()), Named<"stop">(After(20, 0)));
  EXPECT_TRUE(outcome.Won<"stop">());
  EXPECT_FALSE(outcome.Get<"next">().has_value());
  EXPECT_EQ(set.size(), 1u);
  slots.Give();
  EXPECT_TRUE((co_await set.Next()).value().value());
}
TEST(JoinSetTest, AWaitThatIsCutShortLosesNothing) { RunIt(CutShortMain()); }

Task<void> DropMain(Slots& slots) {
  {
    JoinSet<bool> set;
    for (int i = 0; i < 10; ++i) set.Spawn(TakesSlot(slots));
    set.Spawn(TakesSlot(slots));
    while (slots.waiting() < 11) co_await Yield();
  }
  while (slots.waiting() > 0) co_await Yield();
}
TEST(JoinSetTest, ASetThatGoesAbortsItsTasks) {
  Slots slots(0);
  RunIt(DropMain(slots));
}

Task<void> ShutdownMain(Slots& slots) {
  JoinSet<bool> set;
  for (int i = 0; i < 10; ++i) set.Spawn(TakesSlot(slots));
  auto outcome = co_await Select(Named<"never">(slots.Take()), Named<"end">(set.Shutdown()));
  EXPECT_TRUE(outcome.Won<"end">());
  EXPECT_TRUE(set.empty());
}
TEST(JoinSetTest, ShutdownWaitsForAll) {
  Slots slots(0);
  RunIt(ShutdownMain(slots));
}

Task<void> ThousandMain() {
  for (int round = 0; round < 20; ++round) {
    JoinSet<int> set;
    for (int i = 0; i < 1000; ++i) set.Spawn(After(i % 7, i));
    int64_t sum = 0;
    for (int i = 0; i < 1000 - round; ++i) sum += (co_await set.Next()).value().value();
    if (round == 0) {
      EXPECT_EQ(sum, 499500);
    }
  }
}
TEST(JoinSetTest, AThousandTasksOnTwoWorkers) { RunIt(ThousandMain(), 2); }

Task<void> TrackerMain() {
  Slots slots(0);
  TaskTracker tracker(RuntimeHandle::Current());
  for (int i = 0; i < 3; ++i) tracker.Spawn(TakesSlot(slots)).Detach();
  auto open = co_await Select(Named<"all">(tracker.Wait()), Named<"stop">(After(20, 0)));
  EXPECT_FALSE(open.Get<"all">());
  tracker.Close();
  while (slots.waiting() < 3) co_await Yield();
  auto closed = co_await Select(Named<"all">(tracker.Wait()), Named<"stop">(After(20, 0)));
  EXPECT_FALSE(closed.Get<"all">());
  EXPECT_EQ(tracker.tasks(), 3u);
  JoinHandle<int> late = tracker.Spawn(After(3, 4));
  for (int i = 0; i < 3; ++i) slots.Give();
  EXPECT_TRUE(co_await tracker.Wait());
  EXPECT_TRUE(co_await tracker.Wait());
  EXPECT_EQ((co_await std::move(late)).value(), 4);
}
TEST(TaskTrackerTest, WaitsWhenItIsClosedUntilItIsEmpty) { RunIt(TrackerMain()); }

Task<void> ManyMain(RuntimeHandle runtime) {
  for (int round = 0; round < 200; ++round) {
    TaskTracker tracker(runtime);
    for (int i = 0; i < 20; ++i) tracker.Spawn(After(i % 3, i)).Detach();
    tracker.Close();
    EXPECT_TRUE(co_await tracker.Wait());
  }
}
TEST(TaskTrackerTest, OnTwoWorkers) {
  TestRuntime runtime(2);
  runtime.Run(ManyMain(runtime.handle()));
}

// A lambda's captures and arguments live as long as its task.
Task<void> CallableMain() {
  auto text = std::make_unique<std::string>("captured");
  JoinHandle<size_t> handle = Spawn(
      [text = std::move(text)](const std::string& more) -> Task<size_t> {
        co_await Yield();
        co_return text->size() + more.size();
      },
      std::string("argument"));
  EXPECT_EQ((co_await std::move(handle)).value(), 16u);
}
TEST(SpawnTest, KeepsACallableAndItsArguments) { RunIt(CallableMain()); }

}  // namespace
}  // namespace sluice::core
