// Yield and Shield.

#include "core/task/yield.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/combine/join_all.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/spawn.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "core/task/shield.h"
#include "core/task/task.h"
#include "tests/core/support/run.h"
#include "tests/core/support/slots.h"

namespace sluice::core {
namespace {

using testing::Slots;
using testing::TestRuntime;

void RunIt(Task<void> main) { TestRuntime(1).Run(std::move(main)); }

Task<void> Writes(std::string& text, char letter, int times) {
  for (int i = 0; i < times; ++i) {
    text += letter;
    co_await Yield();
  }
}

Task<void> TurnsMain() {
  std::string text;
  JoinHandle<void> a = Spawn(Writes(text, 'a', 200));
  JoinHandle<void> b = Spawn(Writes(text, 'b', 200));
  (co_await std::move(a)).value();
  (co_await std::move(b)).value();
  EXPECT_EQ(text.size(), 400u);
  for (size_t i = 0; i + 1 < text.size(); ++i) EXPECT_NE(text[i], text[i + 1]) << i;
}
TEST(YieldTest, TasksTakeTurns) { RunIt(TurnsMain()); }

Task<void> InABranchMain() {
  std::string text;
  co_await Join(Writes(text, 'a', 3), Writes(text, 'b', 3));
  EXPECT_EQ(text.size(), 6u);
}
TEST(YieldTest, InABranch) { RunIt(InABranchMain()); }

// What another branch has to do at once it does in the same run.
Task<void> Yields() { co_await Yield(); }
Task<void> Looks(bool& has_budget) {
  has_budget = (co_await CurrentContext()).task->ConsumeBudget();
}
Task<void> RestMain() {
  bool has_budget = false;
  co_await Join(Yields(), Looks(has_budget));
  EXPECT_TRUE(has_budget);
}
TEST(YieldTest, ABranchLeavesTheOthersTheRestOfTheBudget) { RunIt(RestMain()); }

// Ten branches that yield take one turn together, not one each; a hundred and more are too many for
// one turn.
Task<void> CountTurns(const bool& ends, int& turns) {
  while (!ends) {
    ++turns;
    co_await Yield();
  }
}
Task<void> YieldOften() {
  for (int i = 0; i < 20; ++i) co_await Yield();
}
Task<int> TurnsOfAnotherMain(int branches) {
  bool ends = false;
  int turns = 0;
  JoinHandle<void> another = Spawn(CountTurns(ends, turns));
  co_await Yield();
  std::vector<Task<void>> all;
  for (int i = 0; i < branches; ++i) all.push_back(YieldOften());
  co_await JoinAll(std::move(all));
  ends = true;
  (co_await std::move(another)).value();
  co_return turns;
}
Task<void> BranchesMain() {
  const int few = co_await TurnsOfAnotherMain(10);
  EXPECT_GE(few, 20);
  EXPECT_LE(few, 25);
  EXPECT_GE(co_await TurnsOfAnotherMain(600), 60);
}
TEST(YieldTest, BranchesTakeOneTurnTogether) { RunIt(BranchesMain()); }

// A task that only yields lets the reactor be turned.
Task<void> ReactorMain() {
  const ReactorCounters& counters = Worker::Current()->reactor().counters();
  const uint64_t before = counters.turns.load(std::memory_order_relaxed);
  for (int i = 0; i < 1000; ++i) co_await Yield();
  EXPECT_GT(counters.turns.load(std::memory_order_relaxed), before + 10);
}
TEST(YieldTest, TheReactorIsTurnedMeanwhile) { RunIt(ReactorMain()); }

Task<int> TakesThree(Slots& slots) {
  int taken = 0;
  for (int i = 0; i < 3; ++i) taken += co_await slots.Take() ? 1 : 0;
  co_return taken;
}
Task<int> Shielded(Slots& slots) { co_return co_await Shield(TakesThree(slots)); }
Task<void> ShieldMain() {
  Slots slots(0);
  JoinHandle<int> handle = Spawn(Shielded(slots));
  while (slots.waiting() == 0) co_await Yield();
  handle.Abort();
  for (int i = 0; i < 3; ++i) {
    for (int turn = 0; turn < 5; ++turn) co_await Yield();
    EXPECT_EQ(slots.waiting(), 1u);
    slots.Give();
  }
  EXPECT_EQ((co_await std::move(handle)).value(), 3);
}
TEST(ShieldTest, IsNotCutShort) { RunIt(ShieldMain()); }

Task<void> AtOnceMain() {
  Slots slots(3);
  EXPECT_EQ(co_await Shield(TakesThree(slots)), 3);
  EXPECT_TRUE(co_await Shield(testing::Slots(1).Take()));
}
TEST(ShieldTest, BringsWhatIsThereAtOnce) { RunIt(AtOnceMain()); }

Task<void> Throws() {
  co_await Yield();
  throw std::runtime_error("shielded");
}
Task<void> ThrowsMain() { EXPECT_THROW(co_await Shield(Throws()), std::runtime_error); }
TEST(ShieldTest, HandsAnExceptionOn) { RunIt(ThrowsMain()); }

}  // namespace
}  // namespace sluice::core
