// Notify: One wakes one, now or later; All wakes those that wait; no wake-up goes with a task that
// gives up.
#include "core/sync/notify.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "core/runtime/task_group.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "tests/core/support/cancel_driver.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

Task<void> Then(int yields, auto act) {
  for (; yields > 0; --yields) co_await Yield();
  act();
}
Task<void> WaitAs(Notify& notify, char name, std::string& order) {
  EXPECT_TRUE((co_await notify.Wait()).ok());
  order += name;
}
// Whether one is kept; then it is taken.
Task<bool> IsKept(Notify& notify) {
  auto outcome = co_await Select(notify.Wait(), Then(1, [] {}));
  co_return outcome.template Get<0>().ok();
}

Task<void> OneMain() {
  Notify notify;
  notify.One();
  notify.One();  // at most one is kept
  EXPECT_TRUE(co_await IsKept(notify));
  EXPECT_FALSE(co_await IsKept(notify));
  std::string order;
  co_await Join(WaitAs(notify, 'a', order), WaitAs(notify, 'b', order), WaitAs(notify, 'c', order),
                Then(1, [&] {
                  EXPECT_EQ(notify.waiting(), 3u);
                  notify.One();
                  EXPECT_EQ(notify.waiting(), 2u);
                  notify.One();
                  notify.One();
                  notify.One();
                }));
  EXPECT_EQ(order, "abc");
  EXPECT_TRUE(co_await IsKept(notify));
}
TEST(NotifyTest, OneWakesTheLongestWaitingOrIsKept) { TestRuntime(1).Run(OneMain()); }

Task<void> AllMain() {
  Notify notify;
  notify.All();
  EXPECT_FALSE(co_await IsKept(notify));
  std::string order;
  co_await Join(WaitAs(notify, 'a', order), WaitAs(notify, 'b', order),
                Then(1, [&] { notify.All(); }));
  EXPECT_EQ(order, "ab");
  notify.One();
  notify.All();  // does not take what is kept
  EXPECT_TRUE(co_await IsKept(notify));
}
TEST(NotifyTest, AllWakesThoseThatWaitAndKeepsNothing) { TestRuntime(1).Run(AllMain()); }

Task<void> MadeBeforeMain() {
  Notify notify;
  auto wait = notify.Wait();
  notify.All();
  EXPECT_TRUE((co_await wait).ok());
  auto late = notify.Wait();
  EXPECT_FALSE((co_await Select(late, Then(1, [] {}))).Get<0>().ok());
}
TEST(NotifyTest, AWaitCountsFromTheCallOfWait) { TestRuntime(1).Run(MadeBeforeMain()); }

// Woken, and cancelled before it runs: the wake-up goes to the next, or is kept.
Task<void> PassesOnMain() {
  Notify notify;
  auto gives_up = [](Notify& waits) -> Task<void> {
    auto outcome = co_await Select(waits.Wait(), Then(1, [&] { waits.One(); }));
    EXPECT_EQ(outcome.Get<0>().error(), ECANCELED);
  };
  std::string order;
  co_await Join(gives_up(notify), WaitAs(notify, 'b', order));
  EXPECT_EQ(order, "b");
  EXPECT_FALSE(co_await IsKept(notify));
  co_await gives_up(notify);
  EXPECT_TRUE(co_await IsKept(notify));
}
TEST(NotifyTest, AWakeUpIsNotLostWithATaskThatGivesUp) { TestRuntime(1).Run(PassesOnMain()); }

// Every order of cancellations. Two that are kept are one: those are not counted. `gives_way`: the
// waits begin when the turn of their task is over.
struct OneCase {
  explicit OneCase(bool gives_way) : gives_way(gives_way) {}

  Task<bool> Wait(int) {
    if (gives_way) co_await SpendBudget();
    co_return (co_await notify.Wait()).ok();
  }
  void Grant(int) {
    if (TakeKept()) {
      notify.One();
      --counted;
    }
    notify.One();
    ++counted;
  }
  std::string Check(const CancelRun& run) {
    const bool kept = TakeKept();
    if (kept) notify.One();
    const int there = run.got + (kept ? 1 : 0);
    if (there > counted) return "a wake-up was doubled";
    // One that a cancelled wait passes on while another is kept is that one.
    const bool cancelled = run.ended[0] != run.has_got[0] || run.ended[1] != run.has_got[1];
    if (there < counted - (cancelled && there > 0 ? 1 : 0)) return "a wake-up was lost";
    return kept && run.waiting > 0 ? "one waits though One was called" : "";
  }

  // By a wait that is cancelled if it does not end at once.
  bool TakeKept() {
    Shared shared(1);
    CancellationSource end;
    bool kept = false;
    auto* const task = new TaskCell<void>(Look(end.token(), kept));
    task->Launch(shared);
    task->Unref();
    task->Run();
    end.Cancel();
    while (Runnable* task = shared.PopInjected()) task->Run();
    return kept;
  }
  Task<void> Look(CancellationToken end, bool& kept) {
    auto outcome = co_await Select(notify.Wait(), end.Cancelled());
    kept = outcome.Get<0>().ok();
  }

  const bool gives_way;
  Notify notify;
  int counted = 0;
};

TEST(NotifyTest, NoWakeUpIsLostInAnyOrderOfCancellations) {
  for (const bool gives_way : {false, true}) {
    EXPECT_EQ(FindBadOrder([=] { return std::make_unique<OneCase>(gives_way); }), "");
  }
}

struct AllCase {
  Task<bool> Wait(int wait) {
    const Context context = co_await CurrentContext();
    const bool cancelled = context.scope->cancelled();
    auto change = notify.Wait();
    waits_since[wait] = calls;
    const bool woken = (co_await change).ok();
    if (woken && (calls == waits_since[wait] || cancelled)) wrong = "woken for nothing";
    co_return woken;
  }
  void Grant(int) {
    ++calls;
    notify.All();
  }
  std::string Check(const CancelRun& run) {
    for (int i = 0; i < 2; ++i) {
      if (waits_since[i] >= 0 && !run.ended[i] && waits_since[i] < calls) return "one was missed";
    }
    return wrong;
  }
  int calls = 0;
  std::array<int, 2> waits_since{-1, -1};
  std::string wrong;
  Notify notify;
};
TEST(NotifyTest, AllMissesNoneInAnyOrderOfCancellations) { EXPECT_EQ(FindBadOrder<AllCase>(), ""); }

// As in the header: a queue (here a number) and a wake-up for each job, consumers on three workers,
// some of which give up all the time.
struct Jobs {
  Notify work;
  std::atomic<int> left{0};
  std::atomic<int> done{0};

  bool Take() {
    int seen = left.load();
    while (seen > 0 && !left.compare_exchange_weak(seen, seen - 1)) {
    }
    return seen > 0;
  }
};
Task<void> Consume(Jobs& jobs, int total, bool hurries) {
  for (;;) {
    while (jobs.Take()) {
      if (++jobs.done == total) jobs.work.All();
    }
    auto end = jobs.work.Wait();
    if (jobs.done == total) co_return;
    if (hurries) {
      (void)co_await Select(end, Then(1, [] {}));
    } else {
      EXPECT_TRUE((co_await end).ok());
    }
  }
}
Task<void> StormMain(TestRuntime& runtime, Jobs& jobs, int total) {
  TaskGroup group(runtime.handle());
  for (uint32_t i = 0; i < 6; ++i) {
    group.Spawn(Consume(jobs, total, /*hurries=*/i >= 3), runtime.worker(i % 3));
  }
  co_await group.Join();
}
TEST(NotifyTest, NoWakeUpIsLostInAStorm) {
  constexpr int kTotal = 20'000;
  TestRuntime runtime(3);
  Jobs jobs;
  std::thread producer([&] {
    for (int i = 0; i < kTotal; ++i) {
      ++jobs.left;
      jobs.work.One();
    }
  });
  runtime.Run(StormMain(runtime, jobs, kTotal));
  producer.join();
  EXPECT_EQ(jobs.done, kTotal);
}

Task<void> DestroyedMain() {
  auto notify = std::make_unique<Notify>();
  co_await Join([](Notify& gone) -> Task<void> { (void)co_await gone.Wait(); }(*notify),
                Then(1, [&] { notify.reset(); }));
}
TEST(NotifyDeathTest, MisuseIsTold) {
  EXPECT_DEATH(TestRuntime(1).Run(DestroyedMain()), "a task still waits for this Notify");
}

}  // namespace
}  // namespace sluice::core::testing
