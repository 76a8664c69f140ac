// Tasks, handles, combinators and time in 2,000 orders: every outcome comes once, what is aborted
// gives back what it held, limits hold, no tick and no value is lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/combine/from_callback.h"
#include "core/combine/join_all.h"
#include "core/combine/retry.h"
#include "core/combine/run_with_limit.h"
#include "core/combine/unordered.h"
#include "core/runtime/join_set.h"
#include "core/runtime/spawn_local.h"
#include "core/runtime/task_group.h"
#include "core/runtime/task_tracker.h"
#include "core/sync/cancellation.h"
#include "core/sync/mpsc.h"
#include "core/sync/semaphore.h"
#include "core/task/join.h"
#include "core/task/select_loop.h"
#include "core/time/interval.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "core/time/timeout.h"
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

// A receive with a time-out, against a sender that sleeps for about as long.
Task<void> SendSlowly(Dice dice, Mpsc<int>::Sender sender, int all) {
  for (int i = 0; i < all; ++i) {
    (void)co_await Sleep(dice.Roll(3) * 1ms);
    EXPECT_TRUE((co_await sender.Send(i)).ok());
  }
}
Task<void> TimeoutScenario(Dice dice) {
  constexpr int kAll = 8;
  auto [sender, receiver] = Mpsc<int>::Make(1);
  // No handle: it would keep the frame, and in it the sender.
  Spawn(SendSlowly(dice.Split(), std::move(sender), kAll)).Detach();
  for (int next = 0;;) {
    IoResult<int> value = co_await WithTimeout((1 + dice.Roll(2)) * 1ms, receiver.Next());
    if (value.ok()) {
      EXPECT_EQ(*value, next++);
    } else if (value.error() == EPIPE) {
      EXPECT_EQ(next, kAll);
      break;
    } else {
      EXPECT_EQ(value.error(), ETIMEDOUT);
    }
  }
}
TEST(ShuffledCombineTest, WithTimeout) { RunInManyOrders(TimeoutScenario); }

// Two channels and a clock, turn after turn.
Task<void> LoopScenario(Dice dice) {
  constexpr int kAll = 5;
  auto [left_sender, left] = Mpsc<int>::Make(1);
  auto [right_sender, right] = Mpsc<int>::Make(1);
  const std::array open{left_sender, right_sender};  // neither channel ends before the loop
  JoinHandle<void> sends_left = Spawn(SendSlowly(dice.Split(), std::move(left_sender), kAll));
  JoinHandle<void> sends_right = Spawn(SendSlowly(dice.Split(), std::move(right_sender), kAll));
  Interval clock(1ms);
  int from_left = 0;
  int from_right = 0;
  int64_t ticks = 0;
  const Instant begin = Now();
  SelectLoop loop(Repeat<"left">([&left = left] { return left.Next(); }),
                  Repeat<"right">([&right = right] { return right.Next(); }),
                  Repeat<"tick">([&clock] { return clock.Tick(); }));
  while (from_left + from_right < 2 * kAll && co_await loop.Next()) {
    if (auto value = loop.Take<"left">(); value.has_value() && value->ok()) {
      EXPECT_EQ(**value, from_left++);
    }
    if (auto value = loop.Take<"right">(); value.has_value() && value->ok()) {
      EXPECT_EQ(**value, from_right++);
    }
    if (loop.Won<"tick">()) ++ticks;
    co_await Yields(dice.Roll(2));
  }
  const Duration time = Now() - begin;
  co_await loop.Stop();
  EXPECT_LE(ticks, time / 1ms + 1);
  EXPECT_EQ(from_left, kAll);
  EXPECT_EQ(from_right, kAll);
  (void)co_await Join(sends_left.Ended(), sends_right.Ended());
}
TEST(ShuffledCombineTest, SelectLoop) { RunInManyOrders(LoopScenario); }

Task<void> UnorderedScenario(Dice dice) {
  Unordered<int> set;
  const auto part = [](Dice of_part, int number) -> Task<int> {
    co_await Yields(of_part.Roll(4));
    (void)co_await Sleep(of_part.Roll(3) * 1ms);
    co_return number;
  };
  std::array<int, 8> times{};
  int added = 0;
  int taken = 0;
  while (taken < 8) {
    for (int i = dice.Roll(3); i > 0 && added < 8; --i) set.Add(part(dice.Split(), added++));
    const std::optional<int> number = co_await set.Next();
    if (!number.has_value()) continue;
    ++times[static_cast<size_t>(*number)];
    ++taken;
  }
  EXPECT_EQ(times, (std::array<int, 8>{1, 1, 1, 1, 1, 1, 1, 1}));
  EXPECT_TRUE(set.empty());
}
TEST(ShuffledCombineTest, Unordered) { RunInManyOrders(UnorderedScenario); }

// An *attempt* is a call, a *retry* one after the first.
Task<void> RetryScenario(Dice dice) {
  const uint64_t good = static_cast<uint64_t>(1 + dice.Roll(5));
  uint64_t calls = 0;
  const uint64_t got = co_await Retry(
      {.first = 1ms, .limit = RetryLimit::Retries(3)},
      [&](uint64_t attempt) -> Task<uint64_t> {
        ++calls;
        co_await Yields(dice.Roll(3));
        co_return attempt;
      },
      [good](const uint64_t& attempt) { return attempt < good; });
  EXPECT_EQ(calls, std::min<uint64_t>(good, 4));
  EXPECT_EQ(got, calls);
}
TEST(ShuffledCombineTest, Retry) { RunInManyOrders(RetryScenario); }

Task<void> WaitForEnd(Dice dice, CancellationToken token, int& told) {
  co_await Yields(dice.Roll(4));
  (void)co_await token.Cancelled();
  ++told;
}
Task<void> CancellationScenario(Dice dice) {
  CancellationSource source;
  int told = 0;
  TaskGroup group(RuntimeHandle::Current());
  for (int i = 0; i < 4; ++i) group.Spawn(WaitForEnd(dice.Split(), source.token(), told));
  co_await Yields(dice.Roll(6));
  EXPECT_EQ(told, 0);
  source.Cancel();
  co_await group.Join();
  EXPECT_EQ(told, 4);
}
TEST(ShuffledCombineTest, Cancellation) { RunInManyOrders(CancellationScenario); }

// A completer in another task, and a wait that may be cut short: the value is there or is kept.
Task<void> CallbackScenario(Dice dice) {
  int kept = 0;
  int got = 0;
  TaskGroup group(RuntimeHandle::Current());
  for (int i = 0; i < 5; ++i) {
    IoResult<int> value =
        co_await CutShort(dice, FromCallback<int>([&](Completer<int> done) {
                            group.Spawn(CoInvoke(
                                [&kept](Dice of_task, Completer<int>& completer) -> Task<void> {
                                  co_await Yields(of_task.Roll(4));
                                  if (!completer.Complete(1)) ++kept;
                                },
                                dice.Split(), std::move(done)));
                          }));
    got += value.ok() ? 1 : 0;
    if (!value.ok()) EXPECT_EQ(value.error(), ECANCELED);
  }
  co_await group.Join();
  EXPECT_EQ(got + kept, 5);
}
TEST(ShuffledCombineTest, FromCallback) { RunInManyOrders(CallbackScenario); }

}  // namespace
}  // namespace sluice::core::testing
