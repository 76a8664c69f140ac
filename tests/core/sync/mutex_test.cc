// Mutex: one task at a time, in order, across awaits; a guard goes anywhere and unlocks once.
#include "core/sync/mutex.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/runtime/task_group.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "core/testing/fixture.h"
#include "core/time/sleep.h"
#include "core/time/timeout.h"
#include "tests/core/support/cancel_driver.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

Task<void> Then(int yields, auto act) {
  for (; yields > 0; --yields) co_await Yield();
  act();
}

Task<void> Append(Mutex<std::string>& text, char name) {
  auto guard = co_await text.Lock();
  EXPECT_TRUE(guard.ok());
  **guard += name;
  co_await Yield();  // held across an await
  **guard += name;
}
Task<void> OrderMain() {
  Mutex<std::string> text("-");
  auto held = co_await text.Lock();
  EXPECT_EQ(**held, "-");
  co_await Join(Append(text, 'a'), Append(text, 'b'), Append(text, 'c'), Then(1, [&] {
                  EXPECT_EQ(text.waiting(), 3u);
                  held->Unlock();
                  EXPECT_FALSE(text.TryLock().has_value());  // it is the first waiter's
                }));
  EXPECT_EQ(**text.TryLock(), "-aabbcc");
}
TEST(MutexTest, OneAtATimeInOrderAlsoAcrossAwaits) { TestRuntime(1).Run(OrderMain()); }

// A task whose turn is over gives way before it locks, not when it holds the lock.
Task<void> GivesWayMain(TestRuntime& runtime) {
  Mutex<int> number(0);
  bool stop = false;
  TaskGroup group(runtime.handle());
  group.Spawn([](Mutex<int>& lock, const bool& until) -> Task<void> {
    while (!until) ++**(co_await lock.Lock());
  }(number, stop));
  group.Spawn([](Mutex<int>& lock, bool& told) -> Task<void> {
    for (int turn = 0; turn < 100; ++turn) {
      EXPECT_TRUE(lock.TryLock().has_value());
      co_await Yield();
    }
    told = true;
  }(number, stop));
  co_await group.Join();
  EXPECT_GT(**number.TryLock(), 100);
}
TEST(MutexTest, ATaskThatGivesWayHoldsNothing) {
  TestRuntime runtime(1);
  runtime.Run(GivesWayMain(runtime));
}

TEST(MutexTest, OwnsItsValueAlsoOneThatCannotBeCopied) {
  Mutex<std::unique_ptr<int>> owner(std::make_unique<int>(1));
  auto guard = owner.TryLock();
  ASSERT_TRUE(guard.has_value());
  EXPECT_FALSE(owner.TryLock().has_value());
  ++**guard->operator->();
  guard.reset();
  EXPECT_EQ(***owner.TryLock(), 2);
}

TEST(MutexTest, AGuardMovesAndGoesInAnyThread) {
  Mutex<int> number(1);
  Mutex<int>::Guard guard = *number.TryLock();
  Mutex<int>::Guard moved = std::move(guard);
  EXPECT_FALSE(guard.held());
  EXPECT_TRUE(moved.held());
  std::thread([gone = std::move(moved)] { *gone = 2; }).join();
  guard = *number.TryLock();
  EXPECT_EQ(*guard, 2);
  guard = Mutex<int>::Guard();  // what it held is unlocked
  EXPECT_TRUE(number.TryLock().has_value());
}

TEST(MutexTest, MapLeadsToAPartAndKeepsTheLock) {
  Mutex<std::pair<int, std::string>> both(1, "text");
  LockGuard<std::string> text =
      std::move(*both.TryLock()).Map([](auto& value) -> auto& { return value.second; });
  *text += "s";
  EXPECT_FALSE(both.TryLock().has_value());
  text.Unlock();
  EXPECT_EQ((*both.TryLock())->second, "texts");
}

// Every order of cancellations; the first grant unlocks.
struct OrderCase {
  Task<bool> Wait(int wait) {
    auto guard = co_await number.Lock();
    if (!guard.ok()) co_return false;
    EXPECT_EQ(locked++, 0);
    held[wait] = std::move(*guard);
    co_return true;
  }
  void Grant(int) {
    for (auto& guard : held) {
      if (!guard.held()) continue;
      --locked;
      guard.Unlock();
      return;
    }
  }
  std::string Check(const CancelRun& run) {
    const bool is_free = number.TryLock().has_value();
    if (is_free == (locked != 0)) return "lost or doubled";
    return is_free && run.waiting > 0 ? "one waits though it is free" : "";
  }

  int locked = 1;
  Mutex<int> number{0};
  std::array<Mutex<int>::Guard, 3> held{*number.TryLock()};
};
TEST(MutexTest, NothingIsLostInAnyOrderOfCancellations) {
  EXPECT_EQ(FindBadOrder<OrderCase>(), "");
}

// A wait that a time-out cuts short leaves the lock to others: it is neither lost nor kept.
Task<void> Hold(Mutex<int>::Guard guard, Duration time) {
  co_await Sleep(time);
  guard.Unlock();
}
struct Tries {
  int got = 0;
  int late = 0;
};
Task<void> TryFor(Duration patience, Mutex<int>& number, Tries& tries) {
  auto guard = co_await WithTimeout(patience, number.Lock());
  if (guard.ok()) {
    ++tries.got;
    ++**guard;
    co_await Sleep(1ms);  // held across an await
  } else {
    EXPECT_EQ(guard.error(), ETIMEDOUT);
    ++tries.late;
  }
}
Task<void> TimeOutMain() {
  Mutex<int> number(0);
  Tries tries;
  // The third one's time is over in the moment in which its turn comes: either is right.
  co_await Join(Hold(*number.TryLock(), 10ms), TryFor(5ms, number, tries),
                TryFor(10ms, number, tries), TryFor(20ms, number, tries));
  EXPECT_EQ(tries.got + tries.late, 3);
  EXPECT_GE(tries.late, 1);
  EXPECT_GE(tries.got, 1);
  EXPECT_EQ(number.waiting(), 0u);
  auto guard = number.TryLock();
  EXPECT_TRUE(guard.has_value());
  if (guard.has_value()) EXPECT_EQ(**guard, tries.got);
}
class MutexTimeTest : public OneWorkerTest {};
TEST_F(MutexTimeTest, AfterATimeOutTheLockIsFreeForOthers) { Run(TimeOutMain()); }
TEST(MutexTest, AfterATimeOutItIsFreeInAnyOrder) {
  ForEachSeed(300, [](uint64_t seed) { RunShuffled(seed, TimeOutMain()); });
}

// Plain data, changed by tasks on three workers that hold it across an await; some give up.
struct Counts {
  int64_t got = 0;
  bool inside = false;
};
Task<void> Hurry(Mutex<Counts>& counts, int number) {
  auto outcome = co_await Select(counts.Lock(), Then(number % 7, [] {}));
  auto& guard = outcome.Get<0>();
  if (!guard.ok()) co_return;
  EXPECT_FALSE(std::exchange((*guard)->inside, true));
  if (number % 2 == 0) co_await Yield();
  ++(*guard)->got;
  (*guard)->inside = false;
}
Task<void> StormMain(TestRuntime& runtime, Mutex<Counts>& counts, int tasks) {
  TaskGroup group(runtime.handle());
  for (int i = 0; i < tasks; ++i) {
    group.Spawn(Hurry(counts, i), runtime.worker(static_cast<uint32_t>(i) % 3));
  }
  co_await group.Join();
}
TEST(MutexTest, GuardsItsValueInAStorm) {
  TestRuntime runtime(3);
  Mutex<Counts> counts;
  runtime.Run(StormMain(runtime, counts, 20'000));
  EXPECT_EQ(counts.waiting(), 0u);
  auto guard = counts.TryLock();
  ASSERT_TRUE(guard.has_value());
  EXPECT_GT((*guard)->got, 0);
}

void UseAfterMove() {
  Mutex<int> number(1);
  Mutex<int>::Guard guard = *number.TryLock();
  const Mutex<int>::Guard moved = std::move(guard);
  guard.Unlock();
}
TEST(MutexDeathTest, MisuseIsTold) {
  EXPECT_DEATH(UseAfterMove(), "this guard holds no lock: do not use one that was moved");
  EXPECT_DEATH(*Mutex<int>::Guard() = 1, "this guard holds no lock");
  EXPECT_DEATH(
      {
        Mutex<int>::Guard guard;
        Mutex<int> number;
        guard = *number.TryLock();
      },
      "this Mutex is still locked");
}

}  // namespace
}  // namespace sluice::core::testing
