// SelectLoop: branches that are kept from turn to turn.

#include "core/task/select_loop.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/task/select.h"
#include "core/time/interval.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "tests/core/support/virtual_time.h"

namespace sluice::core::testing {
namespace {

// Three steps of a second each; what a cancellation would lose.
Task<std::unique_ptr<int>> Steps(int& begun, int& cut_short) {
  ++begun;
  int steps = 0;
  while (steps < 3 && co_await Sleep(1s)) ++steps;
  if (steps < 3) ++cut_short;
  co_return std::make_unique<int>(steps);
}

Task<void> KeepMain() {
  int begun = 0, cut_short = 0, ticks = 0, results = 0;
  Interval interval(400ms);
  SelectLoop loop(Repeat<"steps">([&] { return Steps(begun, cut_short); }),
                  Repeat<"tick">([&] { return interval.Tick(); }));
  while (results < 4 && co_await loop.Next()) {
    if (auto steps = loop.Take<"steps">()) {
      EXPECT_TRUE(loop.Won<"steps">());
      EXPECT_EQ(**steps, 3);
      EXPECT_EQ(loop.Take<"steps">(), std::nullopt);  // once
      ++results;
    } else {
      EXPECT_TRUE(loop.Won<"tick">());
      EXPECT_TRUE(loop.Take<"tick">()->has_value());
      ++ticks;
    }
  }
  EXPECT_EQ(begun, 4);  // none was cut short by a tick
  EXPECT_EQ(cut_short, 0);
  EXPECT_EQ(ticks, 31);  // 12 s
  co_await loop.Stop();
  EXPECT_EQ(begun, 4);
}
TEST(SelectLoopTest, NoBranchIsCancelledWhenAnotherWins) { VirtualRuntime().Run(KeepMain()); }

Task<int> Ready(int value) { co_return value; }
Task<void> FairMain() {
  std::array<int, 3> won{};
  SelectLoop loop(Repeat<"a">([] { return Ready(1); }), Repeat<"b">([] { return Ready(2); }),
                  Repeat<"c">([] { return Ready(3); }));
  for (int turn = 0; turn < 30; ++turn) {
    EXPECT_TRUE(co_await loop.Next());
    won[0] += loop.Won<"a">();
    won[1] += loop.Won<"b">();
    won[2] += loop.Won<"c">();
    EXPECT_EQ(loop.Take<"b">().has_value(), loop.Won<"b">());
  }
  EXPECT_EQ(won, (std::array<int, 3>{10, 10, 10}));
  co_await loop.Stop();
}
TEST(SelectLoopTest, EachIsAskedFirstInItsTurn) { VirtualRuntime().Run(FairMain()); }

Task<void> AwayMain() {
  // While the owner is away both end, the later one first in the list.
  SelectLoop loop(Repeat<"slow">([] { return Sleep(2s); }),
                  Repeat<"fast">([] { return Sleep(1s); }),
                  Repeat<"soon">([] { return Sleep(1ms); }));
  EXPECT_TRUE(co_await loop.Next());
  EXPECT_TRUE(loop.Won<"soon">());
  const Instant begin = Now();
  (void)co_await Sleep(1h);
  EXPECT_TRUE(co_await loop.Next());
  EXPECT_TRUE(loop.Won<"fast">());
  EXPECT_EQ(loop.Take<"slow">(), std::nullopt);  // not its turn
  EXPECT_TRUE(co_await loop.Next());
  EXPECT_TRUE(loop.Won<"slow">());
  EXPECT_LE(Now() - begin, 1h + 2ms);
  co_await loop.Stop();
}
TEST(SelectLoopTest, WhatEndsWhileTheOwnerIsAwayWinsTheNextTurns) {
  VirtualRuntime().Run(AwayMain());
}

Task<int> Rescue(int value) { co_return co_await Sleep(1h) ? -1 : value; }
Task<void> StopMain() {
  const Instant begin = Now();
  SelectLoop loop(Repeat<"kept">([] { return Rescue(7); }),
                  Repeat<"other">([] { return Rescue(8); }),
                  Repeat<"soon">([] { return Sleep(1ms); }));
  EXPECT_TRUE(co_await loop.Next());
  EXPECT_EQ(loop.Take<"kept">(), std::nullopt);
  co_await loop.Stop();
  EXPECT_FALSE(loop.Won<"soon">());
  EXPECT_EQ(loop.Take<"kept">(), std::optional<int>(7));
  EXPECT_EQ(loop.Take<"other">(), std::optional<int>(8));
  EXPECT_EQ(loop.Take<"soon">(), std::nullopt);  // it did not run
  EXPECT_LE(Now() - begin, 10ms);
  // It may go on.
  EXPECT_TRUE(co_await loop.Next());
  EXPECT_TRUE(loop.Won<"soon">());
  co_await loop.Stop();
  co_await loop.Stop();
}
TEST(SelectLoopTest, StopHandsOverWhatHadBeenGot) { VirtualRuntime().Run(StopMain()); }

// Runs until its scope is cancelled; how many turns, and what was rescued.
struct Summary {
  int turns = 0;
  std::optional<int> rescued;
};
Task<Summary> UntilCancelled(bool away) {
  Summary summary;
  SelectLoop loop(Repeat<"kept">([] { return Rescue(7); }),
                  Repeat<"tick">([] { return Sleep(1s); }));
  while (co_await loop.Next()) {
    ++summary.turns;
    if (away) (void)co_await Sleep(1h);
  }
  EXPECT_FALSE(loop.Won<"kept">() || loop.Won<"tick">());
  summary.rescued = loop.Take<"kept">();
  co_return summary;
}
Task<void> CancelMain() {
  for (int whole = 0; whole < 4; ++whole) {
    auto outcome = co_await Select(UntilCancelled(false), Sleep(whole * 1s + 500ms));
    EXPECT_EQ(outcome.Get<0>().turns, whole);
    EXPECT_EQ(outcome.Get<0>().rescued, std::optional<int>(7));
  }
  auto outcome = co_await Select(UntilCancelled(true), Sleep(1500ms));
  EXPECT_EQ(outcome.Get<0>().turns, 1);
  EXPECT_EQ(outcome.Get<0>().rescued, std::optional<int>(7));
  // Before it has begun nothing is made.
  auto late = co_await Select(Sleep(0ns), []() -> Task<int> {
    (void)co_await Sleep(1h);
    int made = 0;
    SelectLoop loop(Repeat<"never">([&] { return Ready(++made); }));
    EXPECT_FALSE(co_await loop.Next());
    co_return made;
  }());
  EXPECT_EQ(late.Get<1>(), 0);
}
TEST(SelectLoopTest, ACancelledScopeEndsItAtAnyPoint) { VirtualRuntime().Run(CancelMain()); }

Task<int> Throw(Duration after) {
  (void)co_await Sleep(after);
  throw std::runtime_error("broken");
}
Task<void> ThrowMain() {
  SelectLoop loop(Repeat<"throws">([] { return Throw(1500ms); }),
                  Repeat<"tick">([] { return Sleep(1s); }));
  EXPECT_TRUE(co_await loop.Next());
  EXPECT_THROW((void)co_await loop.Next(), std::runtime_error);
  EXPECT_TRUE(co_await loop.Next());  // it goes on
  EXPECT_TRUE(loop.Won<"tick">());
  EXPECT_THROW((void)co_await loop.Stop(), std::runtime_error);
  co_await loop.Stop();
  bool may_throw = true;
  SelectLoop maker(Repeat<"made">([&]() -> Task<int> {
    if (may_throw) throw std::logic_error("cannot be made");
    return Ready(3);
  }));
  EXPECT_THROW((void)co_await maker.Next(), std::logic_error);
  may_throw = false;
  EXPECT_TRUE(co_await maker.Next());
  EXPECT_EQ(maker.Take<"made">(), std::optional<int>(3));
}
TEST(SelectLoopTest, AnExceptionComesInItsTurn) { VirtualRuntime().Run(ThrowMain()); }

Task<void> DropMain() {
  SelectLoop loop(Repeat<"kept">([] { return Sleep(1h); }),
                  Repeat<"soon">([] { return Ready(1); }));
  (void)co_await loop.Next();
}
TEST(SelectLoopTest, DroppedWhileABranchRunsIsAMistakeThatSaysWhatToDo) {
  EXPECT_DEATH(VirtualRuntime().Run(DropMain()), "await Stop\\(\\) before a SelectLoop goes");
}

}  // namespace
}  // namespace sluice::core::testing
