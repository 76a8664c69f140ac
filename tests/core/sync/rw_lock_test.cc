// RwLock: many read or one writes; a writer that waits is not overtaken, nor are readers for ever.
#include "core/sync/rw_lock.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <string>
#include <utility>

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

TEST(RwLockTest, ManyReadOrOneWrites) {
  RwLock<std::string> text("a");
  {
    auto first = text.TryRead();
    auto second = text.TryRead();
    ASSERT_TRUE(first.has_value() && second.has_value());
    EXPECT_EQ(**first, "a");
    EXPECT_EQ((*second)->size(), 1u);
    EXPECT_FALSE(text.TryWrite().has_value());
  }
  auto writer = text.TryWrite();
  ASSERT_TRUE(writer.has_value());
  **writer = "b";
  EXPECT_FALSE(text.TryRead().has_value());
  EXPECT_FALSE(text.TryWrite().has_value());
  writer.reset();
  EXPECT_EQ(**text.TryRead(), "b");
}

// Reads or writes ('R', 'W'), and notes when it begins and, in lower case, when it ends.
Task<void> Use(RwLock<int>& lock, char what, std::string& order) {
  const auto hold = [&]() -> Task<void> {
    order += what;
    co_await Yield();
    order += static_cast<char>(what - 'A' + 'a');
  };
  if (what == 'R') {
    auto guard = co_await lock.Read();
    EXPECT_TRUE(guard.ok());
    co_await hold();
  } else {
    auto guard = co_await lock.Write();
    EXPECT_TRUE(guard.ok());
    co_await hold();
  }
}

Task<void> FairMain() {
  RwLock<int> lock(0);
  auto reads = co_await lock.Read();
  std::string order;
  co_await Join(Use(lock, 'W', order), Use(lock, 'R', order), Use(lock, 'R', order),
                Use(lock, 'W', order), Then(1, [&] {
                  EXPECT_EQ(lock.waiting(), 4u);             // readers behind the writer wait
                  EXPECT_FALSE(lock.TryRead().has_value());  // and so do new ones
                  reads->Unlock();
                }));
  EXPECT_EQ(order, "WwRRrrWw");
}
TEST(RwLockTest, FirstInFirstOutSoNeitherWritersNorReadersStarve) {
  TestRuntime(1).Run(FairMain());
}

Task<void> GivesUpMain() {
  RwLock<int> lock(0);
  auto reads = co_await lock.Read();
  std::string order;
  co_await Join(
      [](RwLock<int>& wanted) -> Task<void> {
        auto outcome = co_await Select(wanted.Write(), Then(2, [] {}));
        EXPECT_EQ(outcome.Get<0>().error(), ECANCELED);
      }(lock),
      Use(lock, 'R', order), Then(1, [&] { EXPECT_EQ(order, ""); }));
  EXPECT_EQ(order, "Rr");  // while the first read goes on
}
TEST(RwLockTest, WhenAWriterGivesUpReadersBehindItGoOn) { TestRuntime(1).Run(GivesUpMain()); }

Task<void> DowngradeMain() {
  RwLock<int> lock(1);
  auto write = co_await lock.Write();
  **write = 2;
  std::string order;
  co_await Join(Use(lock, 'R', order), Use(lock, 'W', order), Then(1, [&] {
                  RwLock<int>::ReadGuard read = RwLock<int>::Downgrade(std::move(*write));
                  EXPECT_EQ(*read, 2);
                  EXPECT_EQ(lock.waiting(), 1u);  // the writer; the reader has joined
                  EXPECT_FALSE(lock.TryWrite().has_value());
                }));
  EXPECT_EQ(order, "RrWw");
}
TEST(RwLockTest, DowngradeLetsReadersInAndNoWriter) { TestRuntime(1).Run(DowngradeMain()); }

// Every order of cancellations: wait 0 writes, wait 1 reads; grants unlock the reader or writer
// that holds it.
struct OrderCase {
  Task<bool> Wait(int wait) {
    if (wait == 0) {
      auto guard = co_await lock.Write();
      if (!guard.ok()) co_return false;
      if (readers() + (writer.held() ? 1 : 0) != 0) wrong = "written while it was held";
      writer = std::move(*guard);
    } else {
      auto guard = co_await lock.Read();
      if (!guard.ok()) co_return false;
      if (writer.held()) wrong = "read while it was written";
      reader = std::move(*guard);
    }
    co_return true;
  }
  int readers() const { return (first.held() ? 1 : 0) + (reader.held() ? 1 : 0); }
  void Grant(int) {
    if (first.held()) {
      first.Unlock();
    } else if (writer.held()) {
      writer.Unlock();
    } else if (reader.held()) {
      reader.Unlock();
    }
  }
  std::string Check(const CancelRun& run) {
    const bool is_free = lock.TryWrite().has_value();
    if (is_free && run.waiting > 0) return "one waits though it is free";
    if (is_free == (readers() != 0 || writer.held())) return "lost or doubled";
    return wrong;
  }

  RwLock<int> lock{0};
  RwLock<int>::ReadGuard first = *lock.TryRead();
  RwLock<int>::ReadGuard reader;
  RwLock<int>::WriteGuard writer;
  std::string wrong;
};
TEST(RwLockTest, NothingIsLostInAnyOrderOfCancellations) {
  EXPECT_EQ(FindBadOrder<OrderCase>(), "");
}

// Two fields that are equal whenever no task writes, on three workers; some give up.
struct Pair {
  int64_t first = 0;
  int64_t second = 0;
};
Task<void> Hurry(RwLock<Pair>& lock, int number, std::atomic<int>& reads) {
  if (number % 4 == 0) {
    auto outcome = co_await Select(lock.Write(), Then(number % 7, [] {}));
    auto& guard = outcome.Get<0>();
    if (!guard.ok()) co_return;
    ++(*guard)->first;
    co_await Yield();
    ++(*guard)->second;
  } else {
    auto outcome = co_await Select(lock.Read(), Then(number % 7, [] {}));
    auto& guard = outcome.Get<0>();
    if (!guard.ok()) co_return;
    ++reads;
    EXPECT_EQ((*guard)->first, (*guard)->second);
    if (number % 2 == 0) co_await Yield();
    EXPECT_EQ((*guard)->first, (*guard)->second);
  }
}
Task<void> StormMain(TestRuntime& runtime, RwLock<Pair>& lock, std::atomic<int>& reads) {
  TaskGroup group(runtime.handle());
  for (int i = 0; i < 20'000; ++i) {
    group.Spawn(Hurry(lock, i, reads), runtime.worker(static_cast<uint32_t>(i) % 3));
  }
  co_await group.Join();
}
TEST(RwLockTest, GuardsItsValueInAStorm) {
  TestRuntime runtime(3);
  RwLock<Pair> lock;
  std::atomic<int> reads{0};
  runtime.Run(StormMain(runtime, lock, reads));
  EXPECT_GT(reads, 0);
  EXPECT_EQ(lock.waiting(), 0u);
  auto guard = lock.TryWrite();
  ASSERT_TRUE(guard.has_value());
  EXPECT_GT((*guard)->first, 0);
  EXPECT_EQ((*guard)->first, (*guard)->second);
}

TEST(RwLockDeathTest, MisuseIsTold) {
  EXPECT_DEATH(
      {
        RwLock<int>::ReadGuard guard;
        RwLock<int> number;
        guard = *number.TryRead();
      },
      "this RwLock is still held");
  EXPECT_DEATH((void)RwLock<int>::Downgrade({}), "this guard holds no lock");
}

}  // namespace
}  // namespace sluice::core::testing
