// FromCallback: what comes first counts, from whatever thread, and nothing is lost.

#include "core/combine/from_callback.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

#include "core/task/join.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "tests/core/support/gate.h"
#include "tests/core/support/pause.h"
#include "tests/core/support/run.h"
#include "tests/core/support/seed.h"
#include "tests/core/support/virtual_time.h"

namespace sluice::core::testing {
namespace {

using Number = std::unique_ptr<int>;

Task<void> InlineMain() {
  IoResult<Number> value = co_await FromCallback<Number>(
      [](Completer<Number> done) { EXPECT_TRUE(done.Complete(std::make_unique<int>(5))); });
  EXPECT_EQ(**value, 5);
  IoResult<Number> failed =
      co_await FromCallback<Number>([](Completer<Number> done) { EXPECT_TRUE(done.Fail(EIO)); });
  EXPECT_EQ(failed.error(), EIO);
  IoResult<Number> dropped = co_await FromCallback<Number>([](const Completer<Number>&) {});
  EXPECT_EQ(dropped.error(), EPIPE);
}
TEST(FromCallbackTest, CompletedFailedOrDroppedBeforeItWaits) {
  VirtualRuntime().Run(InlineMain());
}

// What stands for foreign code: it keeps the completer.
struct Foreign {
  std::optional<Completer<Number>> kept;
  auto Begin() {
    return FromCallback<Number>([this](Completer<Number> done) { kept.emplace(std::move(done)); });
  }
};
Task<void> LaterMain() {
  for (int how = 0; how < 3; ++how) {
    Foreign foreign;
    auto [result, unit] = co_await Join(
        [](Foreign& foreign) -> Task<IoResult<Number>> {
          co_return co_await foreign.Begin();
        }(foreign),
        [](Foreign& foreign, int how) -> Task<void> {
          (void)co_await Sleep(1ms);
          EXPECT_FALSE(foreign.kept->abandoned());
          const bool taken = how == 0   ? foreign.kept->Complete(std::make_unique<int>(7))
                             : how == 1 ? foreign.kept->Fail(ENOENT)
                                        : true;
          EXPECT_TRUE(taken);
          foreign.kept.reset();
        }(foreign, how));
    (void)unit;
    if (how == 0) {
      EXPECT_EQ(**result, 7);
    } else {
      EXPECT_EQ(result.error(), how == 1 ? ENOENT : EPIPE);
    }
  }
}
TEST(FromCallbackTest, CompletedFailedOrDroppedWhileItWaits) { VirtualRuntime().Run(LaterMain()); }

Task<void> CancelMain() {
  Foreign foreign;
  auto outcome = co_await Select(foreign.Begin(), Sleep(1s));
  EXPECT_EQ(outcome.Get<0>().error(), ECANCELED);
  EXPECT_TRUE(foreign.kept->abandoned());
  EXPECT_FALSE(foreign.kept->Complete(std::make_unique<int>(1)));
  // Completed before its scope was cancelled: the value is handed on.
  auto won = co_await Select(Sleep(0ns), [](Foreign& foreign) -> Task<IoResult<Number>> {
    auto other = co_await Select(foreign.Begin(), [](Foreign& foreign) -> Task<void> {
      EXPECT_TRUE(foreign.kept->Complete(std::make_unique<int>(3)));
      co_return;
    }(foreign));
    co_return std::move(other.Get<0>());
  }(foreign));
  EXPECT_EQ(**won.Get<1>(), 3);
  // In a cancelled scope nothing is begun.
  foreign.kept.reset();
  auto late = co_await Select(Sleep(0ns), [](Foreign& foreign) -> Task<int> {
    (void)co_await Sleep(1h);
    IoResult<Number> result = co_await foreign.Begin();
    co_return result.error();
  }(foreign));
  EXPECT_EQ(late.Get<1>(), ECANCELED);
  EXPECT_FALSE(foreign.kept.has_value());
}
TEST(FromCallbackTest, ACancelledWaitEndsAtOnceAndTheCompleterIsTold) {
  VirtualRuntime().Run(CancelMain());
}

Task<void> ThrowMain() {
  EXPECT_THROW((void)co_await FromCallback<int>(
                   [](const Completer<int>&) { throw std::runtime_error("no"); }),
               std::runtime_error);
}
TEST(FromCallbackTest, WhatStartThrowsIsThrown) { VirtualRuntime().Run(ThrowMain()); }

// Foreign code that has the Completer already is told that nobody waits.
Task<void> GivenAwayMain() {
  std::optional<Completer<int>> kept;
  EXPECT_THROW((void)co_await FromCallback<int>([&](Completer<int> done) {
                 kept.emplace(std::move(done));
                 throw std::runtime_error("no");
               }),
               std::runtime_error);
  EXPECT_FALSE(kept->Complete(1));
}
TEST(FromCallbackTest, AfterAThrowNobodyWaits) { VirtualRuntime().Run(GivenAwayMain()); }

Task<void> TwiceMain() {
  (void)co_await FromCallback<int>([](Completer<int> done) {
    done.Complete(1);
    done.Complete(2);
  });
}
TEST(FromCallbackTest, CompletingTwiceIsAMistake) {
  EXPECT_DEATH(VirtualRuntime().Run(TwiceMain()), "a Completer completes once");
}

// Another thread completes or drops, while the scope is cancelled: a value is either brought or
// given back, and never both. Of five rounds, in one the thread drops it, in one it comes first, in
// one it comes too late, and in two they race.
enum Kind { kDropped, kFirst, kTooLate, kRace, kAlsoRace, kKinds };
struct Counts {
  std::atomic<int> given_back = 0;
  int brought = 0, cancelled = 0, dropped = 0;
};
struct Round {
  const int kind;
  const uint64_t seed;
  Gate completed{};
  std::atomic<bool> over = false;
};
void CompleteOrDrop(Completer<Number> done, Round& round, Counts& counts) {
  Random random(round.seed);
  while (round.kind == kTooLate && !round.over) std::this_thread::yield();
  Pause(random, 20'000);
  if (round.kind == kDropped) return;
  if (!done.Complete(std::make_unique<int>(1))) ++counts.given_back;
  round.completed.Open();
}
Task<void> EndRace(Round& round, Random& random) {
  Pause(random, 20'000);
  if (round.kind == kFirst) co_await round.completed;
}
Task<void> Race(Counts& counts, Random& random, int kind) {
  Round round{.kind = kind, .seed = random()};
  std::thread foreign;
  auto outcome = co_await Select(FromCallback<Number>([&](Completer<Number> done) {
                                   foreign = std::thread([&, done = std::move(done)]() mutable {
                                     CompleteOrDrop(std::move(done), round, counts);
                                   });
                                 }),
                                 EndRace(round, random));
  IoResult<Number>& result = outcome.Get<0>();
  if (result.ok()) {
    ++counts.brought;
  } else {
    ++(result.error() == EPIPE ? counts.dropped : counts.cancelled);
  }
  round.over = true;
  foreign.join();
}
Task<void> RaceMain() {
  Random random(Seed());
  Counts counts;
  constexpr int kRounds = 500;
  for (int round = 0; round < kRounds; ++round) {
    for (int kind = 0; kind < kKinds; ++kind) co_await Race(counts, random, kind);
  }
  EXPECT_EQ(counts.brought + counts.dropped + counts.cancelled, kRounds * kKinds);
  EXPECT_EQ(counts.brought + counts.given_back, kRounds * (kKinds - 1));
  EXPECT_GE(counts.brought, kRounds);
  EXPECT_GE(counts.cancelled, kRounds);
}
TEST(FromCallbackTest, AnotherThreadAgainstACancellationLosesNoValue) {
  TestRuntime(2).Run(RaceMain());
}

Task<void> OutliveMain(std::shared_ptr<Completer<int>>& kept) {
  auto outcome = co_await Select(FromCallback<int>([&](Completer<int> done) {
                                   kept = std::make_shared<Completer<int>>(std::move(done));
                                 }),
                                 Sleep(1ms));
  EXPECT_EQ(outcome.Get<0>().error(), ECANCELED);
}
TEST(FromCallbackTest, ACompleterMayOutliveTheRuntime) {
  std::shared_ptr<Completer<int>> kept;
  VirtualRuntime().Run(OutliveMain(kept));
  EXPECT_FALSE(kept->Complete(4));
}

}  // namespace
}  // namespace sluice::core::testing
