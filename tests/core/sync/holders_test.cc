// Holders: who has which permits of what, and what is left when they have been given back.
#include "core/sync/holders.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "core/runtime/join_handle.h"
#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/sync/mutex.h"
#include "core/sync/rw_lock.h"
#include "core/sync/semaphore.h"
#include "core/task/co_invoke.h"
#include "core/task/task.h"
#include "core/task/yield.h"
#include "tests/core/support/backends.h"

namespace sluice::core {
namespace {

using testing::BackendTest;

class HoldersTest : public BackendTest {
 protected:
  static RuntimeOptions Watching() {
    RuntimeOptions options = Options();
    options.watch.tasks = true;
    return options;
  }
};

// Tasks and counts, in the order in which they took.
std::vector<std::pair<uint64_t, size_t>> OfAll() {
  std::vector<std::pair<uint64_t, size_t>> found;
  for (const Holders::Resource& each : Holders::All()) {
    for (const Holders::Holder& holder : each.holders) {
      found.emplace_back(holder.task, holder.count);
    }
  }
  return found;
}
using Found = std::vector<std::pair<uint64_t, size_t>>;

uint64_t Own() { return RunWatcher::Current()->id(); }

TEST_P(HoldersTest, EachGivesBackItsOwn) {
  Runtime runtime(Watching());
  Semaphore semaphore(10);
  const auto child = [&]() -> Task<void> {
    const uint64_t own = Own();
    auto two = co_await semaphore.Acquire(2);
    EXPECT_EQ(OfAll().back(), (std::pair<uint64_t, size_t>(own, 2)));
    EXPECT_EQ(OfAll().size(), 2u);
  };
  const auto main = [&]() -> Task<void> {
    const uint64_t own = Own();
    auto five = co_await semaphore.Acquire(5);
    EXPECT_EQ(OfAll(), (Found{{own, 5}}));
    (void)co_await Spawn(CoInvoke(child));
    EXPECT_EQ(OfAll(), (Found{{own, 5}}));
    auto part = five->Split(3);
    part.Release();
    EXPECT_EQ(OfAll(), (Found{{own, 2}}));
  };
  runtime.BlockOn(CoInvoke(main));
  EXPECT_EQ(OfAll(), Found{});
}

// One that had to wait holds it, too; and what another task gives back is the oldest holder's.
TEST_P(HoldersTest, OfThoseWhoWaitedAndOfOthersWhoGiveBack) {
  Runtime runtime(Watching());
  Mutex<int> mutex(0);
  uint64_t waiter = 0;
  const auto waits = [&]() -> Task<LockGuard<int>> {
    waiter = Own();
    auto guard = co_await mutex.Lock();
    co_return std::move(*guard);
  };
  const auto main = [&]() -> Task<void> {
    auto guard = mutex.TryLock();
    JoinHandle<LockGuard<int>> handle = Spawn(CoInvoke(waits));
    while (mutex.waiting() == 0) co_await Yield();
    EXPECT_EQ(OfAll(), (Found{{Own(), 1}}));
    guard->Unlock();
    LockGuard<int> other = (co_await std::move(handle)).value();
    EXPECT_EQ(OfAll(), (Found{{waiter, 1}}));
    other.Unlock();
    EXPECT_EQ(OfAll(), Found{});
  };
  runtime.BlockOn(CoInvoke(main));
}

TEST_P(HoldersTest, ReadersAndAWriter) {
  Runtime runtime(Watching());
  RwLock<int> lock(0);
  const auto main = [&]() -> Task<void> {
    {
      auto one = co_await lock.Read();
      auto two = co_await lock.Read();
      EXPECT_EQ(OfAll().size(), 2u);
    }
    auto writer = co_await lock.Write();
    EXPECT_EQ(OfAll().size(), 1u);
  };
  runtime.BlockOn(CoInvoke(main));
  EXPECT_EQ(OfAll(), Found{});
}

TEST_P(HoldersTest, ManyHoldersAreKeptUpToABound) {
  Runtime runtime(Watching());
  Semaphore semaphore(1000);
  const auto main = [&]() -> Task<void> {
    std::vector<Semaphore::Permit> permits;
    for (int i = 0; i < 1000; ++i) {
      auto permit = co_await semaphore.Acquire();
      permits.push_back(std::move(*permit));
    }
    EXPECT_EQ(OfAll().size(), Holders::kMostHolders);
  };
  runtime.BlockOn(CoInvoke(main));
  EXPECT_EQ(OfAll(), Found{});
}

TEST_P(HoldersTest, NothingIsKeptWhereNothingIsWatched) {
  Runtime runtime(Options());
  Mutex<int> mutex(0);
  NameResource(&mutex, "mutex");
  const auto main = [&]() -> Task<void> {
    auto guard = co_await mutex.Lock();
    EXPECT_TRUE(Holders::All().empty());
  };
  runtime.BlockOn(CoInvoke(main));
}

TEST_P(HoldersTest, ANameGoesWithWhatItNames) {
  Runtime runtime(Watching());
  {
    Semaphore semaphore(1);
    NameResource(&semaphore, "downloads");
    ASSERT_EQ(Holders::All().size(), 1u);
    EXPECT_EQ(Holders::All()[0].name, "downloads");
  }
  EXPECT_TRUE(Holders::All().empty());
}

SLUICE_ON_EVERY_BACKEND(HoldersTest);

}  // namespace
}  // namespace sluice::core
