// BufferPool: its rules in one thread, then leases given back by others.

#include "core/reactor/buffer_pool.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace sluice::core::testing {
namespace {

constexpr size_t kBytes = 4096;

TEST(BufferPoolTest, HandsOutEachBufferOnceUntilItIsDry) {
  BufferPool pool(3, kBytes, [] {});
  std::set<std::byte*> places;
  std::vector<Buffer*> taken;
  for (size_t i = 0; i < 3; ++i) {
    Buffer* buffer = pool.Take();
    ASSERT_NE(buffer, nullptr);
    EXPECT_EQ(buffer->pool, &pool);
    EXPECT_EQ(buffer->capacity, kBytes);
    EXPECT_EQ(&pool.at(buffer->index), buffer);
    std::memset(buffer->data, 0x5a, kBytes);
    places.insert(buffer->data);
    taken.push_back(buffer);
  }
  EXPECT_EQ(places.size(), 3u);
  EXPECT_EQ(pool.taken(), 3u);
  EXPECT_FALSE(pool.has_free());
  EXPECT_EQ(pool.Take(), nullptr);
  for (Buffer* buffer : taken) pool.Release(buffer, /*owner=*/true);
  EXPECT_EQ(pool.taken(), 0u);
}

TEST(BufferPoolTest, TheLastGivenBackIsTheNextTaken) {
  BufferPool pool(4, kBytes, [] {});
  Buffer* one = pool.Take();
  Buffer* two = pool.Take();
  pool.Release(one, true);
  pool.Release(two, true);
  EXPECT_EQ(pool.Take(), two);
  EXPECT_EQ(pool.Take(), one);
  pool.Release(one, true);
  pool.Release(two, true);
}

TEST(BufferPoolTest, CollectsWhatOthersGaveBackWhenItIsDry) {
  int wakes = 0;
  BufferPool pool(2, kBytes, [&wakes] { ++wakes; });
  Buffer* one = pool.Take();
  Buffer* two = pool.Take();
  std::thread([&] { pool.Release(one, /*owner=*/false); }).join();
  EXPECT_TRUE(pool.has_free());
  EXPECT_EQ(pool.taken(), 2u);  // not collected yet
  EXPECT_EQ(pool.Take(), one);
  EXPECT_EQ(pool.taken(), 2u);
  std::thread([&] {
    pool.Release(one, false);
    pool.Release(two, false);
  }).join();
  pool.CollectRemote();
  EXPECT_EQ(pool.taken(), 0u);
  EXPECT_EQ(wakes, 0);  // no reactor wanted any
}

TEST(BufferPoolTest, WakesTheOwnerWhoWantsABuffer) {  // I3
  int wakes = 0;
  BufferPool pool(2, kBytes, [&wakes] { ++wakes; });
  Buffer* one = pool.Take();
  Buffer* two = pool.Take();
  pool.SetWanted(true);
  std::thread([&] { pool.Release(one, false); }).join();
  EXPECT_EQ(wakes, 1);
  pool.SetWanted(false);
  std::thread([&] { pool.Release(two, false); }).join();
  EXPECT_EQ(wakes, 1);
}

size_t CountOf(const Buffer& buffer, std::byte value) {
  return static_cast<size_t>(std::count(buffer.data, buffer.data + buffer.capacity, value));
}

// Of two neighbours one is given back, also where several share a page or one ends within it.
TEST(BufferPoolTest, WhatIsTrimmedTakesNothingFromItsNeighbours) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  for (const size_t size : {page / 16, page / 2, page, page + 904, 3 * page, 3 * page + 904}) {
    BufferPool pool(64, size, [] {});
    std::vector<Buffer*> taken(pool.count());
    for (Buffer*& each : taken) {
      each = pool.Take();
      std::memset(each->data, 0x5a, size);
    }
    for (size_t i = 0; i < taken.size(); i += 2) pool.Release(taken[i], true);
    for (int i = 0; i < 2; ++i) pool.Trim();  // those that were in use since the last one are left
    EXPECT_EQ(pool.touched(), taken.size() / 2);
    for (size_t i = 0; i < taken.size(); ++i) {
      const size_t left = CountOf(*taken[i], std::byte{0x5a});
      const bool whole_pages = size % page == 0;
      if (i % 2 == 1) {
        EXPECT_EQ(left, size) << "buffer " << i << " of " << size << " bytes";
      } else if (whole_pages) {
        EXPECT_EQ(left, 0u) << "buffer " << i << " of " << size << " bytes";
      }
    }
    for (size_t i = 1; i < taken.size(); i += 2) pool.Release(taken[i], true);
  }
}

TEST(BufferPoolDeathTest, NoLeaseOutlivesItsPool) {
  EXPECT_DEATH(
      {
        BufferPool pool(1, kBytes, [] {});
        (void)pool.Take();
      },
      "taken_ == 0");
}

// Outside a worker a lease gives its buffer back as another thread does.
TEST(BufferLeaseTest, GivesBackOnceWhereverItHasBeenMoved) {
  BufferPool pool(2, kBytes, [] {});
  {
    BufferLease lease(pool.Take());
    EXPECT_FALSE(lease.empty());
    EXPECT_EQ(lease.bytes().size(), 0u);
    BufferLease moved(std::move(lease));
    EXPECT_TRUE(lease.empty());  // NOLINT(bugprone-use-after-move): the state is defined
    BufferLease other;
    other = std::move(moved);
    EXPECT_FALSE(other.empty());
    other.Return();
    EXPECT_TRUE(other.empty());
    other.Return();
  }
  pool.CollectRemote();
  EXPECT_EQ(pool.taken(), 0u);
}

// The owner takes all it can get and sleeps when the pool is exhausted; others give back. If a
// wake-up is lost, the owner sleeps for ever.
class ReturnStress {
 public:
  void Run() {
    std::vector<std::thread> givers;
    for (int i = 0; i < kGivers; ++i) givers.emplace_back([this] { GiveBack(); });
    for (int taken = 0; taken < kLeases; ++taken) Lend(TakeOrSleep());
    {
      std::lock_guard lock(mutex_);
      done_ = true;
    }
    lent_changed_.notify_all();
    for (std::thread& giver : givers) giver.join();
    pool_.CollectRemote();
    EXPECT_EQ(pool_.taken(), 0u);  // I1
  }

 private:
  static constexpr int kGivers = 3;
  static constexpr int kLeases = 100000;

  Buffer* TakeOrSleep() {
    for (;;) {
      if (Buffer* buffer = pool_.Take()) return buffer;
      pool_.SetWanted(true);
      Buffer* buffer = pool_.Take();
      if (buffer == nullptr) {
        std::unique_lock lock(sleep_mutex_);
        woken_changed_.wait(lock, [this] { return woken_; });
        woken_ = false;
      }
      pool_.SetWanted(false);
      if (buffer != nullptr) return buffer;
    }
  }

  void Wake() {
    std::lock_guard lock(sleep_mutex_);
    woken_ = true;
    woken_changed_.notify_one();
  }

  void Lend(Buffer* buffer) {
    buffer->size = 1;  // plain: the sanitizer sees whether the pool orders its users
    {
      std::lock_guard lock(mutex_);
      lent_.push_back(buffer);
    }
    lent_changed_.notify_one();
  }

  void GiveBack() {
    for (;;) {
      Buffer* buffer;
      {
        std::unique_lock lock(mutex_);
        lent_changed_.wait(lock, [this] { return done_ || !lent_.empty(); });
        if (lent_.empty()) return;
        buffer = lent_.front();
        lent_.pop_front();
      }
      ++buffer->size;
      pool_.Release(buffer, /*owner=*/false);
    }
  }

  BufferPool pool_{4, kBytes, [this] { Wake(); }};
  std::mutex sleep_mutex_;
  std::condition_variable woken_changed_;
  bool woken_ = false;
  std::mutex mutex_;
  std::condition_variable lent_changed_;
  std::deque<Buffer*> lent_;
  bool done_ = false;
};

TEST(BufferPoolTest, NoReturnIsLostAndTheOwnerIsWoken) { ReturnStress().Run(); }

}  // namespace
}  // namespace sluice::core::testing
