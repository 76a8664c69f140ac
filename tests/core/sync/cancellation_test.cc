// CancellationSource: to register, to unregister, and both at once.

#include "core/sync/cancellation.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "core/runtime/task_group.h"
#include "core/task/select.h"
#include "tests/core/support/fake_task.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

class CountingNotice final : public CancelNotice {
 public:
  void OnReady() override {
    Delivered();
    ++heard;
  }
  int heard = 0;
};

TEST(CancelNoticeTest, HearsOnce) {
  ManualScheduler scheduler;
  FakeTask task(scheduler);
  CancellationSource source;
  std::deque<CountingNotice> notices(3);
  for (CountingNotice& notice : notices) notice.Register(source.token(), task);
  EXPECT_FALSE(source.token().cancelled());
  source.Cancel();
  source.Cancel();
  EXPECT_TRUE(source.token().cancelled());
  for (CountingNotice& notice : notices) {
    EXPECT_TRUE(notice.registered());
    EXPECT_FALSE(notice.Unregister());  // on its way
  }
  scheduler.RunAll();
  for (CountingNotice& notice : notices) {
    EXPECT_EQ(notice.heard, 1);
    EXPECT_FALSE(notice.registered());
  }
}

TEST(CancelNoticeTest, RegisteredTooLateIsDeliveredSoon) {
  ManualScheduler scheduler;
  FakeTask task(scheduler);
  CancellationSource source;
  source.Cancel();
  CountingNotice notice;
  notice.Register(source.token(), task);
  EXPECT_EQ(notice.heard, 0);
  scheduler.RunAll();
  EXPECT_EQ(notice.heard, 1);
}

TEST(CancelNoticeTest, UnregistersFromAnywhereInTheList) {
  ManualScheduler scheduler;
  FakeTask task(scheduler);
  for (int gone = 0; gone < 3; ++gone) {
    CancellationSource source;
    std::deque<CountingNotice> notices(3);
    for (CountingNotice& notice : notices) notice.Register(source.token(), task);
    EXPECT_TRUE(notices[gone].Unregister());
    EXPECT_FALSE(notices[gone].Unregister());
    source.Cancel();
    scheduler.RunAll();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(notices[i].heard, i == gone ? 0 : 1);
  }
}

TEST(CancelNoticeTest, CancelOfTheNoticeItselfBringsOnReady) {
  ManualScheduler scheduler;
  FakeTask task(scheduler);
  CancellationSource source;
  CountingNotice notice;
  notice.Register(source.token(), task);
  notice.Cancel();
  source.Cancel();  // too late for it
  scheduler.RunAll();
  EXPECT_EQ(notice.heard, 1);
}

// One thread cancels while the tasks of two others register and unregister: each Register ends with
// exactly one of Unregister == true and OnReady.
TEST(CancelNoticeTest, CancelRacesWithRegisterAndUnregister) {
  for (int round = 0; round < 300; ++round) {
    CancellationSource source;
    std::atomic<int> started{0};
    std::vector<std::thread> listeners;
    for (int t = 0; t < 2; ++t) {
      listeners.emplace_back([&source, &started] {
        ManualScheduler scheduler;
        FakeTask task(scheduler);
        std::deque<CountingNotice> notices(4);
        started.fetch_add(1);
        for (int after = 0; after < 20;) {
          if (source.cancelled()) ++after;
          for (CountingNotice& notice : notices) notice.Register(source.token(), task);
          for (CountingNotice& notice : notices) {
            if (notice.Unregister()) {
              EXPECT_EQ(notice.heard, 0);
              continue;
            }
            while (notice.registered()) scheduler.RunAll();
            EXPECT_EQ(notice.heard, 1);
            notice.heard = 0;
          }
        }
      });
    }
    while (started.load() < 2) std::this_thread::yield();
    source.Cancel();
    for (std::thread& listener : listeners) listener.join();
  }
}

TEST(CancelNoticeTest, ForgetsAnEarlierSource) {
  ManualScheduler scheduler;
  FakeTask task(scheduler);
  CountingNotice notice;
  {
    CancellationSource earlier;
    notice.Register(earlier.token(), task);
    EXPECT_TRUE(notice.Unregister());
  }
  CancellationSource source;
  source.Cancel();
  notice.Register(source.token(), task);
  EXPECT_FALSE(notice.Unregister());  // on its way
  scheduler.RunAll();
  EXPECT_EQ(notice.heard, 1);
}

TEST(CancellationDeathTest, ASourceOutlivesItsNotices) {
  EXPECT_DEATH(
      {
        FakeTask task;
        CountingNotice notice;
        CancellationSource source;
        notice.Register(source.token(), task);
      },
      "await the end of the tasks that have its tokens");
}

Task<void> UntilStopped(CancellationToken stop, std::atomic<int>& waiting, std::atomic<int>& ends) {
  waiting.fetch_add(1);
  EXPECT_TRUE(co_await stop.Cancelled());
  EXPECT_TRUE(co_await stop.Cancelled());  // at once
  ends.fetch_add(1);
}

Task<void> BroadcastMain(TestRuntime& runtime, CancellationSource& source) {
  constexpr int kTasks = 2000;
  std::atomic<int> waiting{0};
  std::atomic<int> ends{0};
  TaskGroup group(runtime.handle());
  for (int i = 0; i < kTasks; ++i) {
    group.Spawn(UntilStopped(source.token(), waiting, ends), runtime.worker(i % 2));
  }
  co_await Until([&waiting] { return waiting.load() == kTasks; });
  EXPECT_EQ(ends.load(), 0);
  std::thread([&source] { source.Cancel(); }).join();
  co_await group.Join();
  EXPECT_EQ(ends.load(), kTasks);
}
TEST(CancellationTest, ReachesEveryTaskOnEveryWorker) {
  TestRuntime runtime(2);
  CancellationSource source;
  runtime.Run(BroadcastMain(runtime, source));
}

Task<bool> WaitFor(CancellationToken stop) { co_return co_await stop.Cancelled(); }
Task<void> YieldTimes(int times) {
  for (; times > 0; --times) co_await Yield();
}

Task<void> ScopeMain() {
  CancellationSource source;
  const auto result = co_await Select(YieldTimes(3), WaitFor(source.token()));
  EXPECT_TRUE(result.Won<0>());
  EXPECT_FALSE(result.Get<1>());  // the scope gave up, not the source
  source.Cancel();
  const auto again = co_await Select(YieldTimes(3), WaitFor(source.token()));
  EXPECT_TRUE(again.Won<1>());
  EXPECT_TRUE(again.Get<1>());
}
TEST(CancellationTest, ACancelledScopeEndsTheWait) { TestRuntime(1).Run(ScopeMain()); }

}  // namespace
}  // namespace sluice::core::testing
