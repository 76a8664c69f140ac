// Generator: items, exceptions, cancellation at every point, early ends, and what it costs.
#include "core/streams/generator.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/runtime/spawn.h"
#include "core/streams/from_channel.h"
#include "core/sync/mpsc.h"
#include "core/task/select.h"
#include "core/task/task_local.h"
#include "core/task/yield.h"
#include "core/testing/fixture.h"
#include "core/testing/probe.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "core/time/timeout.h"
#include "tests/core/support/cancel_driver.h"
#include "tests/core/support/counted.h"
#include "tests/core/support/slots.h"

namespace sluice::core::testing {
namespace {

class GeneratorTest : public OneWorkerTest {};

Generator<int> UpTo(int most) {
  for (int i = 1; i <= most; ++i) co_yield i;  // of an lvalue: a copy
}
Generator<std::unique_ptr<int>> SlowlyUpTo(int most) {
  for (int i = 1; i <= most; ++i) {
    (void)co_await Sleep(1s);
    co_yield std::make_unique<int>(i);
  }
}

Task<void> ItemsMain() {
  Generator<int> numbers = UpTo(3);
  std::vector<int> got;
  while (auto number = co_await numbers.Next()) got.push_back(*number);
  EXPECT_EQ(got, (std::vector{1, 2, 3}));
  EXPECT_TRUE((co_await numbers.Next()).ended());
  EXPECT_TRUE((co_await numbers.Next()).ended());

  const Instant begin = Now();
  auto slow = SlowlyUpTo(2);
  EXPECT_EQ(**co_await slow.Next(), 1);
  auto moved = std::move(slow);  // between two Nexts
  (void)co_await Sleep(1h);      // it does not run meanwhile
  EXPECT_EQ(**co_await moved.Next(), 2);
  EXPECT_EQ(Now() - begin, 1h + 2s);
  EXPECT_TRUE((co_await moved.Next()).ended());
}
TEST_F(GeneratorTest, BringsItemAfterItemAndThenTheEnd) { Run(ItemsMain()); }

Generator<std::string> Texts() {
  std::string kept = "kept";
  co_yield kept;
  co_yield kept + "!";
  co_yield "literal";
  co_yield std::move(kept);
  co_yield kept.empty() ? "moved" : "not moved";
}
Task<void> TextsMain() {
  auto texts = Texts();
  std::vector<std::string> got;
  while (auto text = co_await texts.Next()) got.push_back(*text);
  EXPECT_EQ(got, (std::vector<std::string>{"kept", "kept!", "literal", "kept", "moved"}));
}
TEST_F(GeneratorTest, AnLvalueIsCopiedAndAnRvalueMoved) { Run(TextsMain()); }

Generator<int> Throwing(ValueCounts& counts) {
  const MoveOnly alive(counts, 1);
  co_yield 1;
  (void)co_await Sleep(1ms);
  throw std::runtime_error("no more");
}
Task<void> ThrowMain() {
  ValueCounts counts;
  auto numbers = Throwing(counts);
  EXPECT_EQ(*co_await numbers.Next(), 1);
  std::string what;
  try {
    (void)co_await numbers.Next();
  } catch (const std::runtime_error& error) {
    what = error.what();
  }
  EXPECT_EQ(what, "no more");
  EXPECT_EQ(counts.alive, 0);
  EXPECT_TRUE((co_await numbers.Next()).ended());
}
TEST_F(GeneratorTest, AnExceptionGoesToTheNextThatWaitsAndIsTheEnd) { Run(ThrowMain()); }

Task<void> DestroyMain() {
  ValueCounts counts;
  {
    auto fresh = Throwing(counts);
  }
  EXPECT_EQ(counts.alive, 0);
  {
    auto numbers = Throwing(counts);
    EXPECT_EQ(*co_await numbers.Next(), 1);
    EXPECT_EQ(counts.alive, 1);
  }
  EXPECT_EQ(counts.alive, 0);
}
TEST_F(GeneratorTest, DestroyedEarlyItsLocalsGo) { Run(DestroyMain()); }

// Goes on after a Next that was cut short.
Generator<int> Received(Mpsc<int>::Receiver& receiver, int& cuts) {
  while (true) {
    IoResult<int> number = co_await receiver.Next();
    if (number.ok()) {
      co_yield *number;
    } else if (number.error() == ECANCELED) {
      ++cuts;
      co_yield kCutShort;
    } else {
      co_return;
    }
  }
}
Task<void> CutShortMain() {
  auto [sender, receiver] = Mpsc<int>::Make(1);
  int cuts = 0;
  auto numbers = Received(receiver, cuts);
  for (int i = 1; i <= 3; ++i) {
    Probe next([&] { return numbers.Next(); });
    EXPECT_TRUE(co_await next.Pending());
    EXPECT_TRUE((co_await next.Cancel()).cancelled());
    EXPECT_EQ(cuts, i);
    EXPECT_FALSE((co_await WithTimeout(1s, numbers.Next())).has_value());
    EXPECT_EQ(cuts, ++i);
    EXPECT_TRUE(sender.TrySend(i).ok());
    EXPECT_EQ(*co_await numbers.Next(), i);
  }
  Probe never_begun([&] { return numbers.Next(); });  // in a cancelled scope: not run at all
  EXPECT_TRUE((co_await never_begun.Cancel()).cancelled());
  EXPECT_EQ(cuts, 4);
  sender = {};
  EXPECT_TRUE((co_await numbers.Next()).ended());
}
TEST_F(GeneratorTest, GoesOnAfterANextThatWasCutShort) { Run(CutShortMain()); }

Task<void> GivesUpMain() {
  Generator<int> ticks = []() -> Generator<int> {
    for (int i = 0; co_await Sleep(1s); ++i) co_yield i;
  }();
  EXPECT_EQ(*co_await ticks.Next(), 0);
  Probe next([&] { return ticks.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_TRUE((co_await next.Cancel()).cancelled());  // not the end: it was cut short
  EXPECT_TRUE((co_await ticks.Next()).ended());
}
TEST_F(GeneratorTest, OneThatGivesUpIsCancelledAndThenAtItsEnd) { Run(GivesUpMain()); }

Task<void> ValueAllTheSameMain() {
  Generator<int> numbers = []() -> Generator<int> {
    co_yield co_await Sleep(1s) ? 1 : 2;
    co_yield 3;
  }();
  Probe next([&] { return numbers.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_EQ(*co_await next.Cancel(), 2);
  EXPECT_EQ(*co_await numbers.Next(), 3);
}
TEST_F(GeneratorTest, WhatItYieldsThoughCutShortIsHandedOver) { Run(ValueAllTheSameMain()); }

constinit TaskLocal<int> number;
Generator<int> Locals() {
  while (true) co_yield co_await number.Get();
}
Task<int> NextOf(Generator<int>& numbers) { co_return *co_await numbers.Next(); }
Task<void> LocalsMain() {
  auto numbers = Locals();
  EXPECT_EQ(co_await number.With(7, NextOf(numbers)), 7);
  EXPECT_EQ(co_await number.With(8, NextOf(numbers)), 8);
}
TEST_F(GeneratorTest, IsPartOfTheNextThatWaits) { Run(LocalsMain()); }

// A task with an endless generator that never waits does not hold the worker.
Task<void> BudgetMain() {
  bool stop = false;
  JoinHandle<int> counts = Spawn([](bool& stop) -> Task<int> {
    auto numbers = UpTo(1 << 30);
    int count = 0;
    while (!stop) {
      (void)co_await numbers.Next();
      ++count;
    }
    co_return count;
  }(stop));
  for (int i = 0; i < 3; ++i) co_await Yield();  // it comes back: the others have had enough
  stop = true;
  EXPECT_GT((co_await std::move(counts)).value(), 100);
}
TEST_F(GeneratorTest, OneThatNeverWaitsGivesWay) { Run(BudgetMain()); }

Task<void> TwoNexts() {
  auto numbers = SlowlyUpTo(2);
  auto outcome = co_await Select(numbers.Next(), numbers.Next());
  (void)outcome;
}
TEST(GeneratorDeathTest, OneNextAtATime) {
  EXPECT_DEATH((void)Testbed().Run(TwoNexts()), "await one Next\\(\\) of a Generator at a time");
}

// No slot is lost or doubled, whenever a Next is cut short.
Generator<int> TakeAll(Slots& slots) {
  while (true) {
    if (co_await slots.Take()) {
      co_yield 1;
    } else {
      co_yield kCutShort;
    }
  }
}
struct GeneratorCase {
  Task<bool> Wait(int i) {
    Item<int> item = co_await numbers[i].Next();
    co_return bool(item);
  }
  void Grant(int) { slots.Give(); }
  std::string Check(const CancelRun& run) {
    int left = 0;
    while (slots.TryTake()) ++left;
    for (int i = 0; i < left; ++i) slots.Give();
    if (run.got + left != run.given) return "a slot was lost or doubled";
    return run.waiting > 0 && left > 0 ? "one waits though there is a slot" : "";
  }

  Slots slots{0};
  Generator<int> numbers[2] = {TakeAll(slots), TakeAll(slots)};
};
TEST(GeneratorOrdersTest, NothingIsLostInAnyOrder) { EXPECT_EQ(FindBadOrder<GeneratorCase>(), ""); }

}  // namespace
}  // namespace sluice::core::testing
