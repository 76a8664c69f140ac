// SelectBiased and SelectFair: the order, branches that are left out, and the else.

#include "core/task/select_ordered.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <stdexcept>

#include "core/sync/cancellation.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "tests/core/support/cancellable_gate.h"
#include "tests/core/support/virtual_time.h"

namespace sluice::core::testing {
namespace {

Task<int> Ready(int& begun, int value) {
  ++begun;
  co_return value;
}
Task<std::unique_ptr<int>> After(Duration after, int value) {
  (void)co_await Sleep(after);
  co_return std::make_unique<int>(value);
}

Task<void> BiasedMain() {
  for (int round = 0; round < 10; ++round) {
    int begun = 0;
    auto outcome = co_await SelectBiased(Named<"first">(Ready(begun, 1)),
                                         Named<"second">(Ready(begun, 2)), Ready(begun, 3));
    EXPECT_TRUE(outcome.Won<"first">());
    EXPECT_EQ(outcome.Get<"first">(), std::optional<int>(1));
    EXPECT_EQ(outcome.Get<"second">(), std::nullopt);
    EXPECT_EQ(outcome.Get<2>(), std::nullopt);
    EXPECT_EQ(begun, 1);  // what the others would take stays where it is
  }
}
TEST(SelectBiasedTest, TheFirstThatIsReadyWinsAndNoOtherBegins) {
  VirtualRuntime().Run(BiasedMain());
}

Task<void> FairMain() {
  FairOrder order;
  std::array<int, 3> won{};
  for (int round = 0; round < 30; ++round) {
    int begun = 0;
    auto outcome = co_await SelectFair(order, Ready(begun, 1), Ready(begun, 2), Ready(begun, 3));
    EXPECT_EQ(begun, 1);
    won[0] += outcome.Won<0>();
    won[1] += outcome.Won<1>();
    won[2] += outcome.Won<2>();
  }
  EXPECT_EQ(won, (std::array<int, 3>{10, 10, 10}));
}
TEST(SelectFairTest, EachIsFirstInItsTurn) { VirtualRuntime().Run(FairMain()); }

Task<void> WaitMain() {
  const Instant begin = Now();
  FairOrder order;
  for (int round = 0; round < 3; ++round) {
    auto outcome = co_await SelectFair(order, Named<"hour">(After(1h, 1)),
                                       Named<"second">(After(1s, 2)), Named<"sleep">(Sleep(2h)));
    EXPECT_TRUE(outcome.Won<"second">());
    EXPECT_EQ(**outcome.Get<"second">(), 2);
    EXPECT_EQ(**outcome.Get<"hour">(), 1);  // cancelled and waited for; what it got is handed over
    EXPECT_EQ(outcome.Get<"sleep">(), std::optional<bool>(false));
  }
  EXPECT_LE(Now() - begin, 3100ms);
}
TEST(SelectFairTest, LosersAreCancelledAndAwaited) { VirtualRuntime().Run(WaitMain()); }

Task<void> BegunAndLostMain() {
  // The first waits, the second is ready: the first has begun and is cancelled, the third has not.
  int begun = 0;
  auto outcome = co_await SelectBiased(Sleep(1h), Ready(begun, 2), Ready(begun, 3));
  EXPECT_TRUE(outcome.Won<1>());
  EXPECT_EQ(outcome.Get<0>(), std::optional<bool>(false));
  EXPECT_EQ(outcome.Get<2>(), std::nullopt);
  EXPECT_EQ(begun, 1);
}
TEST(SelectBiasedTest, WhatBeganBeforeTheWinnerIsCancelled) {
  VirtualRuntime().Run(BegunAndLostMain());
}

Task<void> IfMain() {
  for (const bool first : {false, true}) {
    int begun = 0;
    auto outcome = co_await SelectBiased(If(first, Named<"first">(Ready(begun, 1))),
                                         If(true, Ready(begun, 2)), Named<"third">(Sleep(1s)));
    EXPECT_EQ(outcome.Won<"first">(), first);
    EXPECT_EQ(outcome.Won<1>(), !first);
    EXPECT_EQ(outcome.Get<"first">().has_value(), first);
    EXPECT_EQ(begun, 1);
  }
  // An lvalue that cannot be moved, and one that waits for a branch that is left out.
  CancellableGate gate;
  auto outcome = co_await SelectBiased(If(false, gate), Named<"time">(Sleep(1s)));
  EXPECT_TRUE(outcome.Won<"time">());
  EXPECT_EQ(outcome.Get<0>(), std::nullopt);
}
TEST(SelectBiasedTest, ABranchWhoseConditionIsFalseIsLeftOut) { VirtualRuntime().Run(IfMain()); }

Task<void> ElseMain() {
  int begun = 0;
  for (const bool some : {false, true}) {
    auto outcome = co_await SelectBiased(If(some, Named<"some">(Ready(begun, 1))),
                                         If(false, Sleep(1s)), Else());
    EXPECT_EQ(outcome.Won<"some">(), some);
    EXPECT_EQ(outcome.Won<"else">(), !some);
    FairOrder order;
    auto fair = co_await SelectFair(order, If(some, Sleep(1ms)), Else());
    EXPECT_EQ(fair.Won<"else">(), !some);
  }
  EXPECT_EQ(begun, 1);
}
TEST(SelectBiasedTest, TheElseWinsOnlyIfAllOthersAreLeftOut) { VirtualRuntime().Run(ElseMain()); }

Task<void> NothingMain() { (void)co_await SelectBiased(If(false, Sleep(1s))); }
TEST(SelectBiasedTest, AllLeftOutWithoutAnElseIsAMistake) {
  EXPECT_DEATH(VirtualRuntime().Run(NothingMain()), "give it an Else\\(\\)");
}

Task<bool> Inner() {
  auto outcome = co_await SelectBiased(If(false, Sleep(1h)), Sleep(1h), After(1h, 4));
  EXPECT_EQ(outcome.Get<0>(), std::nullopt);
  co_return outcome.Get<1>().value_or(false);
}
Task<void> CancelMain() {
  for (const Duration after : {Duration(0ns), Duration(1s)}) {
    const Instant begin = Now();
    auto outcome = co_await SelectBiased(Inner(), Sleep(after));
    EXPECT_TRUE(outcome.Won<1>());
    EXPECT_EQ(outcome.Get<0>(), std::optional<bool>(false));
    EXPECT_LE(Now() - begin, after + 10ms);
  }
}
TEST(SelectBiasedTest, ACancelledScopeCancelsAll) { VirtualRuntime().Run(CancelMain()); }

Task<int> Throw() {
  (void)co_await Sleep(1s);
  throw std::runtime_error("broken");
}
Task<void> ThrowMain() {
  EXPECT_THROW((void)co_await SelectBiased(Throw(), Sleep(1h)), std::runtime_error);
  EXPECT_THROW((void)co_await SelectBiased(Throw(), Sleep(1ms)), std::runtime_error);
}
TEST(SelectBiasedTest, AnExceptionGoesOnWhenAllHaveEnded) { VirtualRuntime().Run(ThrowMain()); }

}  // namespace
}  // namespace sluice::core::testing
