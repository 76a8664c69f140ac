// Scenarios for shuffled orders: what tasks share (core/sync). Run with the code as it is
// (shuffled_sync_test.cc), and with mistakes planted in it (shuffled_mutant_test.cc).
#ifndef SLUICE_TESTS_CORE_TESTING_SHUFFLED_SYNC_H_
#define SLUICE_TESTS_CORE_TESTING_SHUFFLED_SYNC_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <utility>

#include "core/runtime/task_group.h"
#include "core/sync/barrier.h"
#include "core/sync/event.h"
#include "core/sync/mutex.h"
#include "core/sync/notify.h"
#include "core/sync/once_cell.h"
#include "core/sync/rw_lock.h"
#include "core/sync/semaphore.h"
#include "tests/core/testing/shuffled.h"

namespace sluice::core::testing {

struct Held {
  int now = 0;
  int most = 0;
};

inline Task<void> HoldPermits(Dice dice, Semaphore& semaphore, Held& held) {
  for (int i = 0; i < 4; ++i) {
    const int count = 1 + dice.Roll(2);
    auto permit = co_await CutShort(dice, semaphore.Acquire(static_cast<size_t>(count)));
    if (!permit.ok()) continue;
    held.most = std::max(held.most, held.now += count);
    co_await Yields(dice.Roll(3));
    held.now -= count;
  }
}
inline Task<void> SemaphoreScenario(Dice dice) {
  Semaphore semaphore(3);
  Held held;
  TaskGroup group(RuntimeHandle::Current());
  for (int i = 0; i < 5; ++i) group.Spawn(HoldPermits(dice.Split(), semaphore, held));
  co_await group.Join();
  EXPECT_LE(held.most, 3);
  EXPECT_EQ(held.now, 0);
  EXPECT_EQ(semaphore.available(), 3u);
}

// One wants more than there is, and gives up: the one behind it must not wait for a release.
inline Task<void> WantTooMuch(Dice dice, Semaphore& semaphore) {
  co_await Yields(dice.Roll(3));
  (void)co_await Select(semaphore.Acquire(2), Yields(1 + dice.Roll(4)));
}
inline Task<void> WantLittle(Dice dice, Semaphore& semaphore) {
  co_await Yields(dice.Roll(4));
  EXPECT_TRUE((co_await semaphore.Acquire(1)).ok());
}
inline Task<void> GivingUpScenario(Dice dice) {
  Semaphore semaphore(1);
  TaskGroup group(RuntimeHandle::Current());
  group.Spawn(WantTooMuch(dice.Split(), semaphore));
  group.Spawn(WantLittle(dice.Split(), semaphore));
  co_await group.Join();
  EXPECT_EQ(semaphore.available(), 1u);
}

inline Task<void> CountUp(Dice dice, Mutex<int>& count, int& locked) {
  for (int i = 0; i < 4; ++i) {
    auto guard = co_await CutShort(dice, count.Lock());
    if (!guard.ok()) continue;
    ++locked;
    const int before = **guard;
    co_await Yields(dice.Roll(3));
    **guard = before + 1;
  }
}
inline Task<void> MutexScenario(Dice dice) {
  Mutex<int> count(0);
  int locked = 0;
  {
    TaskGroup group(RuntimeHandle::Current());
    for (int i = 0; i < 5; ++i) group.Spawn(CountUp(dice.Split(), count, locked));
    co_await group.Join();
  }
  auto guard = count.TryLock();
  EXPECT_TRUE(guard.has_value());
  EXPECT_EQ(**guard, locked);
}

using Pair = std::pair<int, int>;
inline Task<void> ReadPair(Dice dice, RwLock<Pair>& pair) {
  for (int i = 0; i < 4; ++i) {
    auto guard = co_await CutShort(dice, pair.Read());
    if (!guard.ok()) continue;
    const int first = (*guard)->first;
    co_await Yields(dice.Roll(3));
    EXPECT_EQ((*guard)->second, first);
  }
}
inline Task<void> WritePair(Dice dice, RwLock<Pair>& pair, int& written) {
  for (int i = 0; i < 4; ++i) {
    auto guard = co_await CutShort(dice, pair.Write());
    if (!guard.ok()) continue;
    ++written;
    ++(*guard)->first;
    co_await Yields(dice.Roll(3));
    ++(*guard)->second;
  }
}
inline Task<void> RwLockScenario(Dice dice) {
  RwLock<Pair> pair(0, 0);
  int written = 0;
  {
    TaskGroup group(RuntimeHandle::Current());
    for (int i = 0; i < 3; ++i) group.Spawn(ReadPair(dice.Split(), pair));
    for (int i = 0; i < 2; ++i) group.Spawn(WritePair(dice.Split(), pair, written));
    co_await group.Join();
  }
  auto guard = co_await pair.Read();
  EXPECT_EQ(**guard, Pair(written, written));
}

// Each waits until it has seen the event, also where some of its waits are cut short.
inline Task<void> WaitForEvent(Dice dice, Event& event, int& seen) {
  while (!(co_await CutShort(dice, event.Wait())).ok()) {
  }
  ++seen;
}
inline Task<void> EventScenario(Dice dice) {
  Event event;
  int seen = 0;
  TaskGroup group(RuntimeHandle::Current());
  for (int i = 0; i < 5; ++i) group.Spawn(WaitForEvent(dice.Split(), event, seen));
  co_await Yields(dice.Roll(12));
  EXPECT_EQ(seen, 0);
  event.Set();
  co_await group.Join();
  EXPECT_EQ(seen, 5);
}

struct Jobs {
  Notify added;
  std::deque<int> queue;
  int done = 0;
  int all = 0;
};
inline Task<void> DoJobs(Dice dice, Jobs& jobs) {
  while (jobs.done < jobs.all) {
    if (jobs.queue.empty()) {
      (void)co_await CutShort(dice, jobs.added.Wait());
      continue;
    }
    jobs.queue.pop_front();
    co_await Yields(dice.Roll(2));
    if (++jobs.done == jobs.all) jobs.added.All();
  }
}
inline Task<void> NotifyScenario(Dice dice) {
  Jobs jobs;
  jobs.all = 8;
  TaskGroup group(RuntimeHandle::Current());
  for (int i = 0; i < 3; ++i) group.Spawn(DoJobs(dice.Split(), jobs));
  for (int i = 0; i < jobs.all; ++i) {
    co_await Yields(dice.Roll(4));
    jobs.queue.push_back(i);
    jobs.added.One();
  }
  co_await group.Join();
  EXPECT_TRUE(jobs.queue.empty());
}

// There is one wake-up. One that waits goes away and does not come back; whether it has been woken
// or not, the other one is.
inline Task<void> WaitAndLeave(Dice dice, Notify& notify) {
  auto outcome = co_await Select(notify.Wait(), Yields(dice.Roll(5)));
  if (outcome.Get<0>().ok()) notify.One();
}
inline Task<void> StayAndWait(Notify& notify) { EXPECT_TRUE((co_await notify.Wait()).ok()); }
inline Task<void> LeavingScenario(Dice dice) {
  Notify notify;
  TaskGroup group(RuntimeHandle::Current());
  group.Spawn(WaitAndLeave(dice.Split(), notify));
  group.Spawn(StayAndWait(notify));
  co_await Yields(dice.Roll(6));
  notify.One();
  co_await group.Join();
}

struct Rounds {
  Barrier barrier{3};
  int begun[4] = {};
  int leaders = 0;
};
inline Task<void> TakePart(Dice dice, Rounds& rounds) {
  for (int& begun : rounds.begun) {
    co_await Yields(dice.Roll(3));
    ++begun;
    for (;;) {  // one that gives up comes again
      IoResult<bool> leads = co_await CutShort(dice, rounds.barrier.Wait());
      if (!leads.ok()) continue;
      rounds.leaders += *leads ? 1 : 0;
      break;
    }
    EXPECT_EQ(begun, 3);
  }
}
inline Task<void> BarrierScenario(Dice dice) {
  Rounds rounds;
  TaskGroup group(RuntimeHandle::Current());
  for (int i = 0; i < 3; ++i) group.Spawn(TakePart(dice.Split(), rounds));
  co_await group.Join();
  EXPECT_EQ(rounds.leaders, 4);
}

inline Task<void> GetValue(Dice dice, OnceCell<int>& cell, int& made) {
  const auto make = [&]() -> Task<IoResult<int>> {
    co_await Yields(dice.Roll(3));
    const Context context = co_await CurrentContext();
    if (context.scope->cancelled()) co_return IoError(ECANCELED);
    if (dice.Roll(3) == 0) co_return IoError(EIO);
    co_return ++made;
  };
  for (;;) {
    IoResult<int*> value = co_await CutShort(dice, cell.GetOrInit(make));
    if (!value.ok()) continue;
    EXPECT_EQ(**value, 1);
    co_return;
  }
}
inline Task<void> OnceCellScenario(Dice dice) {
  OnceCell<int> cell;
  int made = 0;
  TaskGroup group(RuntimeHandle::Current());
  for (int i = 0; i < 4; ++i) group.Spawn(GetValue(dice.Split(), cell, made));
  co_await group.Join();
  EXPECT_EQ(made, 1);
}

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_TESTING_SHUFFLED_SYNC_H_
