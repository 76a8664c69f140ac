// Holders: who has which permits of what, and what is left when they have been given back.
#include "core/sync/holders.h"

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
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
    const auto before = std::chrono::steady_clock::now();
    auto five = co_await semaphore.Acquire(5);
    EXPECT_EQ(OfAll(), (Found{{own, 5}}));
    EXPECT_GE(Holders::All()[0].holders[0].since, before);
    EXPECT_LE(Holders::All()[0].holders[0].since, std::chrono::steady_clock::now());
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
  EXPECT_TRUE(Holders::All().empty());
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

// A permit that is never given back is held by nobody.
TEST_P(HoldersTest, WhatIsForgottenIsHeldByNobody) {
  Runtime runtime(Watching());
  auto semaphore = std::make_shared<Semaphore>(10);
  const auto main = [&]() -> Task<void> {
    auto five = co_await semaphore->Acquire(5);
    auto owned = co_await Semaphore::AcquireOwned(semaphore, 2);
    five->Merge(five->Split(1));
    EXPECT_EQ(OfAll(), (Found{{Own(), 5}, {Own(), 2}}));
    EXPECT_EQ(five->Forget(), 5u);
    EXPECT_EQ(OfAll(), (Found{{Own(), 2}}));
    semaphore->Release(5);  // they had no holder any more
    EXPECT_EQ(OfAll(), (Found{{Own(), 2}}));
    EXPECT_EQ(owned->Forget(), 2u);
    EXPECT_EQ(OfAll(), Found{});
    auto moved = std::move(*five);
    EXPECT_EQ(moved.Forget(), 0u);
  };
  runtime.BlockOn(CoInvoke(main));
}

TEST_P(HoldersTest, NoPermitsHaveNoHolder) {
  Runtime runtime(Watching());
  Semaphore semaphore(10);
  const auto main = [&]() -> Task<void> {
    (void)co_await semaphore.Acquire(0);
    EXPECT_TRUE(Holders::All().empty());
  };
  runtime.BlockOn(CoInvoke(main));
}

// What was taken under one runtime is nothing that the next one knows of.
TEST_P(HoldersTest, NothingIsLeftWhenNoRuntimeWatches) {
  Semaphore semaphore(10);
  std::optional<Semaphore::Permit> kept;
  {
    Runtime runtime(Watching());
    NameResource(&semaphore, "downloads");
    const auto takes = [&]() -> Task<void> {
      auto permit = co_await semaphore.Acquire(3);
      kept = std::move(*permit);
    };
    runtime.BlockOn(CoInvoke(takes));
    {
      Runtime other(Watching());
      EXPECT_EQ(OfAll().size(), 1u);
    }
    EXPECT_EQ(OfAll().size(), 1u);
  }
  EXPECT_TRUE(Holders::All().empty());
  // Nor what a thread has left behind that was late.
  Holders::Taken(&semaphore, 1);
  Runtime runtime(Watching());
  EXPECT_TRUE(Holders::All().empty());
  kept.reset();
  EXPECT_EQ(semaphore.available(), 10u);
}

// So many under one lock and no more; and between two steps there is no lock: others take and give
// back, also that which the reader saw last.
TEST_P(HoldersTest, AreCopiedAFewAtATime) {
  constexpr size_t kSemaphores = 2000;
  std::deque<Semaphore> semaphores;
  for (size_t i = 0; i < kSemaphores; ++i) semaphores.emplace_back(1);
  Runtime runtime(Watching());
  const std::string long_name(1000, 'n');
  NameResource(&semaphores[0], long_name);
  const auto main = [&]() -> Task<void> {
    std::map<const void*, Semaphore::Permit> permits;
    for (Semaphore& each : semaphores) permits[&each] = *each.TryAcquire();
    std::set<const void*> seen;
    size_t steps = 0;
    Holders::Place place;
    for (std::vector<Holders::Resource> some; Holders::Next(place, some); ++steps) {
      EXPECT_LE(some.size(), Holders::kMostAtOnce);
      for (const Holders::Resource& each : some) {
        EXPECT_TRUE(seen.insert(each.address).second);
        EXPECT_EQ(each.holders.size(), 1u);
        if (each.address == &semaphores[0]) {
          EXPECT_EQ(each.name, long_name.substr(0, Holders::kMostOfName));
        } else {
          EXPECT_EQ(each.name, "");
        }
      }
      const void* const last = some.back().address;
      permits[last].Release();
      if (steps % 2 == 0)
        permits[last] = *const_cast<Semaphore*>(static_cast<const Semaphore*>(last))->TryAcquire();
    }
    EXPECT_EQ(seen.size(), kSemaphores);
    EXPECT_GE(steps, kSemaphores / Holders::kMostAtOnce);
    co_return;
  };
  runtime.BlockOn(CoInvoke(main));
}

SLUICE_ON_EVERY_BACKEND(HoldersTest);

}  // namespace
}  // namespace sluice::core
