// Join, Select and CancelScope: values, order, and that losers are asked to stop and waited for.

#include "core/task/join.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/task/cancel_scope.h"
#include "core/task/select.h"
#include "tests/core/support/cancellable_gate.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

using Notes = std::vector<std::string>;

struct CountingWaiter final : Waiter {
  void Cancel() override { ++cancels; }
  void OnReady() override {}
  int cancels = 0;
};

TEST(CancelScopeTest, AsksTheWaiterOnce) {
  CancelScope scope;
  CountingWaiter waiter;
  scope.Enter(waiter);
  EXPECT_FALSE(scope.cancelled());
  scope.Cancel();
  scope.Cancel();
  EXPECT_EQ(waiter.cancels, 1);
  EXPECT_TRUE(scope.cancelled());
  scope.Leave(waiter);
}

Task<int> After(int yields, int value) {
  for (; yields > 0; --yields) co_await Yield();
  co_return value;
}
Task<void> Nothing() { co_return; }

Task<void> JoinMain() {
  auto [a, b, c] = co_await Join(After(3, 1), After(0, 2), After(1, 3));
  EXPECT_EQ(a, 1);
  EXPECT_EQ(b, 2);
  EXPECT_EQ(c, 3);
  co_await Join(Nothing(), Nothing());
  auto [unit, number] = co_await Join(Nothing(), After(2, 5));
  (void)unit;
  EXPECT_EQ(number, 5);
}
TEST(JoinTest, WaitsForAll) { TestRuntime(1).Run(JoinMain()); }

Task<void> Speak(Notes& notes, std::string name, int times) {
  for (int i = 0; i < times; ++i) {
    notes.push_back(name);
    co_await Yield();
  }
}
Task<void> InterleaveMain() {
  Notes notes;
  co_await Join(Speak(notes, "a", 3), Speak(notes, "b", 2));
  EXPECT_EQ(notes, (Notes{"a", "b", "a", "b", "a"}));
}
TEST(JoinTest, BranchesTakeTurns) { TestRuntime(1).Run(InterleaveMain()); }

// Waits for the gate or the end of its scope and says how it ended, some time later.
Task<int> UntilTold(Notes& notes, std::string name, CancellableGate& gate, int slow) {
  const bool opened = co_await gate;
  notes.push_back(name + (opened ? " opened" : " cancelled"));
  for (; slow > 0; --slow) co_await Yield();
  notes.push_back(name + " ended");
  co_return opened ? 1 : 0;
}
Task<void> OpenAfter(CancellableGate& gate, int yields) {
  for (; yields > 0; --yields) co_await Yield();
  gate.Open();
}

Task<SelectResult<int, int, int>> SelectThree(Notes& notes, CancellableGate& a, CancellableGate& b,
                                              CancellableGate& c) {
  co_return co_await Select(UntilTold(notes, "a", a, 5), UntilTold(notes, "b", b, 0),
                            UntilTold(notes, "c", c, 1));
}
Task<void> LosersMain() {
  Notes notes;
  CancellableGate never;
  CancellableGate never_either;
  CancellableGate soon;
  auto [result, unit] =
      co_await Join(SelectThree(notes, never, soon, never_either), OpenAfter(soon, 2));
  (void)unit;
  notes.push_back("selected");
  EXPECT_TRUE(result.Won<1>());
  EXPECT_EQ(result.values(), std::make_tuple(0, 1, 0));
  EXPECT_EQ(notes, (Notes{"b opened", "b ended", "a cancelled", "c cancelled", "c ended", "a ended",
                          "selected"}));
}
TEST(SelectTest, LosersAreCancelledAndAwaited) { TestRuntime(1).Run(LosersMain()); }

Task<void> ImmediateMain() {
  Notes notes;
  CancellableGate gate;
  // The first is done before the second has begun: that begins in a cancelled scope.
  const auto result = co_await Select(After(0, 7), UntilTold(notes, "late", gate, 0));
  EXPECT_TRUE(result.Won<0>());
  EXPECT_EQ(result.values(), std::make_tuple(7, 0));
  EXPECT_EQ(notes, (Notes{"late cancelled", "late ended"}));
}
TEST(SelectTest, TheFirstMayBeDoneAtOnce) { TestRuntime(1).Run(ImmediateMain()); }

Task<void> BothMain() {
  Notes notes;
  CancellableGate one;
  CancellableGate two;
  one.Open();
  two.Open();  // before any branch is told: the loser has won, too
  const auto result =
      co_await Select(UntilTold(notes, "one", one, 1), UntilTold(notes, "two", two, 2));
  EXPECT_TRUE(result.Won<0>());
  EXPECT_EQ(result.values(), std::make_tuple(1, 1));
}
TEST(SelectTest, ALoserThatHasWonHandsOnItsValue) { TestRuntime(1).Run(BothMain()); }

Task<int> SelectTwo(Notes& notes, CancellableGate& b, CancellableGate& c) {
  const auto inner = co_await Select(UntilTold(notes, "b", b, 0), UntilTold(notes, "c", c, 3));
  co_return inner.Get<0>() + inner.Get<1>();
}
Task<int> Nested(Notes& notes, CancellableGate& a, CancellableGate& b, CancellableGate& c) {
  auto [left, right] = co_await Join(UntilTold(notes, "a", a, 0), SelectTwo(notes, b, c));
  co_return left + right;
}
Task<void> NestedMain() {
  Notes notes;
  std::vector<CancellableGate> gates(3);
  const auto result = co_await Select(Nested(notes, gates[0], gates[1], gates[2]), After(4, 1));
  EXPECT_TRUE(result.Won<1>());
  EXPECT_EQ(result.Get<0>(), 0);
  EXPECT_EQ(notes,
            (Notes{"a cancelled", "a ended", "b cancelled", "b ended", "c cancelled", "c ended"}));
}
TEST(SelectTest, CancellingReachesEveryLeaf) { TestRuntime(1).Run(NestedMain()); }

// What is joined and selected in a cancelled scope begins cancelled.
Task<void> NestedTooLateMain() {
  Notes notes;
  std::vector<CancellableGate> gates(3);
  const auto result = co_await Select(After(0, 1), Nested(notes, gates[0], gates[1], gates[2]));
  EXPECT_TRUE(result.Won<0>());
  EXPECT_EQ(result.Get<1>(), 0);
  EXPECT_EQ(notes,
            (Notes{"a cancelled", "a ended", "b cancelled", "b ended", "c cancelled", "c ended"}));
}
TEST(SelectTest, ACancelledScopeHandsItOn) { TestRuntime(1).Run(NestedTooLateMain()); }

Task<int> CancelledTwice(CancellableGate& first, CancellableGate& second) {
  const bool opened = co_await first;
  EXPECT_FALSE(opened);
  const bool again = co_await second;  // the scope stays cancelled: no waiting any more
  EXPECT_FALSE(again);
  const auto inner = co_await Select(After(0, 1), After(1, 2));  // and what is opened in it
  co_return inner.Get<1>();
}
Task<void> StaysMain() {
  CancellableGate first;
  CancellableGate second;
  const auto result = co_await Select(After(1, 0), CancelledTwice(first, second));
  EXPECT_EQ(result.Get<1>(), 2);
  // The scope outside is not.
  const Context context = co_await CurrentContext();
  EXPECT_FALSE(context.scope->cancelled());
}
TEST(SelectTest, ACancelledScopeStaysCancelled) { TestRuntime(1).Run(StaysMain()); }

}  // namespace
}  // namespace sluice::core::testing
