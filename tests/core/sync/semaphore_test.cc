// Semaphore: permits go to those who wait, in order; none is lost or made, whatever is cancelled.
#include "core/sync/semaphore.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "core/runtime/task_group.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "tests/core/support/cancel_driver.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

// Notes its name when it has got `count` permits, which it keeps.
Task<void> TakeAs(Semaphore& semaphore, char name, size_t count, std::string& order) {
  auto permit = co_await semaphore.Acquire(count);
  EXPECT_TRUE(permit.ok());
  EXPECT_EQ(permit->Forget(), count);
  order += name;
}
Task<void> Then(int yields, auto act) {
  for (; yields > 0; --yields) co_await Yield();
  act();
}

Task<void> OrderMain() {
  Semaphore semaphore(1);
  std::string order;
  co_await Join(TakeAs(semaphore, 'a', 3, order), TakeAs(semaphore, 'b', 1, order),
                TakeAs(semaphore, 'c', 2, order), Then(1, [&] {
                  EXPECT_EQ(semaphore.waiting(), 3u);
                  EXPECT_EQ(semaphore.available(), 1u);  // kept for the large request at the head
                  EXPECT_FALSE(semaphore.TryAcquire().has_value());
                  semaphore.Release(1);
                  EXPECT_EQ(semaphore.waiting(), 3u);
                  semaphore.Release(2);
                  EXPECT_EQ(semaphore.waiting(), 1u);
                  EXPECT_EQ(semaphore.available(), 0u);
                  semaphore.Release(3);
                }));
  EXPECT_EQ(order, "abc");
  EXPECT_EQ(semaphore.available(), 1u);
}
TEST(SemaphoreTest, ServesInOrderAndALargeRequestIsNotOvertaken) {
  TestRuntime(1).Run(OrderMain());
}

Task<void> GivesUpMain() {
  Semaphore semaphore(2);
  std::string order;
  co_await Join(
      [](Semaphore& from) -> Task<void> {
        auto outcome = co_await Select(from.Acquire(3), Then(2, [] {}));
        EXPECT_EQ(outcome.Get<0>().error(), ECANCELED);
      }(semaphore),
      TakeAs(semaphore, 'b', 1, order), TakeAs(semaphore, 'c', 1, order), Then(1, [&] {
        EXPECT_EQ(semaphore.waiting(), 3u);
        EXPECT_EQ(order, "");
      }));
  EXPECT_EQ(order, "bc");
}
TEST(SemaphoreTest, WhenALargeRequestGivesUpThoseBehindItAreServed) {
  TestRuntime(1).Run(GivesUpMain());
}

TEST(SemaphoreTest, APermitIsGivenBackWhenItGoes) {
  Semaphore semaphore(5);
  {
    auto permit = semaphore.TryAcquire(3);
    ASSERT_TRUE(permit.has_value());
    EXPECT_FALSE(semaphore.TryAcquire(3).has_value());
    Semaphore::Permit moved = *std::move(permit);
    EXPECT_EQ(permit->count(), 0u);
    EXPECT_EQ(moved.count(), 3u);
    EXPECT_EQ(semaphore.available(), 2u);
    moved = *semaphore.TryAcquire(1);  // the three go back
    EXPECT_EQ(semaphore.available(), 4u);
    std::thread([gone = std::move(moved)] {}).join();
    EXPECT_EQ(semaphore.available(), 5u);
  }
  EXPECT_EQ(semaphore.available(), 5u);
}

TEST(SemaphoreTest, PermitsAreSplitMergedAndForgotten) {
  Semaphore semaphore(5);
  Semaphore::Permit all = *semaphore.TryAcquire(5);
  Semaphore::Permit two = all.Split(2);
  EXPECT_EQ(all.count(), 3u);
  EXPECT_EQ(two.count(), 2u);
  two.Merge(all.Split(1));
  EXPECT_EQ(two.count(), 3u);
  two.Release();
  EXPECT_EQ(semaphore.available(), 3u);
  EXPECT_EQ(all.Forget(), 2u);
  EXPECT_EQ(all.count(), 0u);
  EXPECT_EQ(semaphore.available(), 3u);
  semaphore.Release(2);
  EXPECT_EQ(semaphore.available(), 5u);
}

Task<void> OwnedMain(std::weak_ptr<Semaphore>& seen) {
  auto semaphore = std::make_shared<Semaphore>(2);
  seen = semaphore;
  auto permit = co_await Semaphore::AcquireOwned(semaphore, 2);
  EXPECT_TRUE(permit.ok());
  EXPECT_FALSE(Semaphore::TryAcquireOwned(semaphore).has_value());
  Semaphore::OwnedPermit one = permit->Split(1);
  semaphore.reset();
  permit->Release();
  EXPECT_FALSE(seen.expired());
  EXPECT_EQ(seen.lock()->available(), 1u);
  EXPECT_TRUE(Semaphore::TryAcquireOwned(seen.lock()).has_value());
}
TEST(SemaphoreTest, AnOwnedPermitKeepsItsSemaphoreAlive) {
  std::weak_ptr<Semaphore> seen;
  TestRuntime(1).Run(OwnedMain(seen));
  EXPECT_TRUE(seen.expired());
}

Task<void> CloseMain() {
  Semaphore semaphore(1);
  Semaphore::Permit held = *semaphore.TryAcquire();
  auto fails = [](Semaphore& from) -> Task<void> {
    EXPECT_EQ((co_await from.Acquire()).error(), EPIPE);
  };
  co_await Join(fails(semaphore), fails(semaphore), Then(1, [&] {
                  EXPECT_EQ(semaphore.waiting(), 2u);
                  EXPECT_FALSE(semaphore.closed());
                  semaphore.Close();
                  EXPECT_TRUE(semaphore.closed());
                  EXPECT_EQ(semaphore.waiting(), 0u);
                }));
  held.Release();
  EXPECT_EQ(semaphore.available(), 1u);
  EXPECT_FALSE(semaphore.TryAcquire().has_value());
  co_await fails(semaphore);
}
TEST(SemaphoreTest, CloseEndsEveryWait) { TestRuntime(1).Run(CloseMain()); }

// A task that never has to wait gives way all the same.
Task<void> GivesWayMain(TestRuntime& runtime) {
  Semaphore semaphore(1);
  bool stop = false;
  TaskGroup group(runtime.handle());
  group.Spawn([](Semaphore& from, const bool& until) -> Task<void> {
    while (!until) EXPECT_TRUE((co_await from.Acquire()).ok());
  }(semaphore, stop));
  group.Spawn([](bool& told) -> Task<void> {
    told = true;
    co_return;
  }(stop));
  co_await group.Join();
}
TEST(SemaphoreTest, ALoopThatNeverWaitsLetsOtherTasksRun) {
  TestRuntime runtime(1);
  runtime.Run(GivesWayMain(runtime));
}

// Every order of cancellations. Wait 0 wants `wanted`, wait 1 one permit; `gives_way`: they begin
// when the turn of their task is over.
struct OrderCase {
  OrderCase(size_t wanted, bool gives_way) : wants{wanted, 1}, gives_way(gives_way) {}

  Task<bool> Wait(int wait) {
    if (gives_way) co_await SpendBudget();
    queue.push_back(wait);
    auto permit = co_await semaphore.Acquire(wants[wait]);
    if (permit.ok()) held[wait] = std::move(*permit);
    co_return permit.ok();
  }
  void Grant(int) { semaphore.Release(1); }
  std::string Check(const CancelRun& run) {
    const size_t out = held[0].count() + held[1].count();
    if (out + semaphore.available() != static_cast<size_t>(run.given)) return "lost or doubled";
    for (int i = 0; i < 2; ++i) {
      if (held[i].count() != (run.has_got[i] ? wants[i] : 0)) return "not what was asked for";
    }
    const auto head = std::ranges::find_if(queue, [&](int wait) { return !run.ended[wait]; });
    if (head == queue.end()) return "";
    if (semaphore.available() >= wants[*head]) return "one waits though it could be served";
    const bool overtaken =
        std::any_of(head, queue.end(), [&](int wait) { return run.has_got[wait]; });
    return overtaken ? "one has been overtaken" : "";
  }

  const std::array<size_t, 2> wants;
  const bool gives_way;
  Semaphore semaphore{0};
  std::array<Semaphore::Permit, 2> held;
  std::vector<int> queue;  // in the order in which they came
};

TEST(SemaphoreTest, NothingIsLostInAnyOrderOfCancellations) {
  for (const size_t wanted : {size_t{1}, size_t{2}}) {
    for (const bool gives_way : {false, true}) {
      const auto make = [=] { return std::make_unique<OrderCase>(wanted, gives_way); };
      EXPECT_EQ(FindBadOrder(make), "");
    }
  }
}

// Closed by the second grant.
struct CloseCase {
  Task<bool> Wait(int wait) {
    errors[wait] = (co_await semaphore.Acquire()).error();
    co_return errors[wait] == 0;
  }
  void Grant(int nth) { nth == 0 ? semaphore.Release(1) : semaphore.Close(); }
  std::string Check(const CancelRun& run) {
    if (semaphore.available() != static_cast<size_t>(std::min(run.given, 1))) return "lost";
    if (run.given == 2 && run.waiting > 0) return "one waits for what is closed";
    for (const int error : errors) {
      if (error != 0 && error != ECANCELED && error != EPIPE) return "another error";
    }
    return "";
  }

  Semaphore semaphore{0};
  std::array<int, 2> errors{};
};
TEST(SemaphoreTest, CloseEndsEveryWaitInAnyOrderOfCancellations) {
  EXPECT_EQ(FindBadOrder<CloseCase>(), "");
}

// Tasks on three workers want one to three of four permits; many give up.
struct Storm {
  std::atomic<size_t> out{0};
  std::atomic<int> got{0};
  std::atomic<int> gave_up{0};
};
Task<void> Hurry(Semaphore& semaphore, int number, Storm& storm) {
  const size_t count = 1 + static_cast<size_t>(number) % 3;
  auto outcome = co_await Select(semaphore.Acquire(count), Then(number % 7, [] {}));
  auto& permit = outcome.Get<0>();
  ++(permit.ok() ? storm.got : storm.gave_up);
  if (!permit.ok()) co_return;
  EXPECT_LE(storm.out.fetch_add(count) + count, 4u);
  co_await Yield();
  storm.out.fetch_sub(count);
}
Task<void> StormMain(TestRuntime& runtime, Semaphore& semaphore, Storm& storm, int tasks) {
  TaskGroup group(runtime.handle());
  for (int i = 0; i < tasks; ++i) {
    group.Spawn(Hurry(semaphore, i, storm), runtime.worker(static_cast<uint32_t>(i) % 3));
  }
  co_await group.Join();
}
TEST(SemaphoreTest, NothingIsLostInAStorm) {
  constexpr int kTasks = 20'000;
  TestRuntime runtime(3);
  Semaphore semaphore(4);
  Storm storm;
  runtime.Run(StormMain(runtime, semaphore, storm, kTasks));
  EXPECT_EQ(storm.got + storm.gave_up, kTasks);
  EXPECT_GT(storm.got, 0);
  EXPECT_GT(storm.gave_up, 0);
  EXPECT_EQ(semaphore.waiting(), 0u);
  EXPECT_EQ(semaphore.available(), 4u);
}

Task<void> DestroyedMain() {
  auto semaphore = std::make_unique<Semaphore>(0);
  co_await Join([](Semaphore& from) -> Task<void> { (void)co_await from.Acquire(); }(*semaphore),
                Then(1, [&] { semaphore.reset(); }));
}
TEST(SemaphoreDeathTest, MisuseIsTold) {
  EXPECT_DEATH(TestRuntime(1).Run(DestroyedMain()), "a task still waits for this semaphore");
  EXPECT_DEATH(Semaphore(Semaphore::kMaxPermits).Release(1), "at most kMaxPermits");
  EXPECT_DEATH(
      {
        Semaphore one(1);
        Semaphore other(1);
        Semaphore::Permit permit = *one.TryAcquire();
        permit.Merge(*other.TryAcquire());
      },
      "merge only permits of one semaphore");
  EXPECT_DEATH((void)Semaphore(1).TryAcquire()->Split(2), "split off at most");
}

}  // namespace
}  // namespace sluice::core::testing
