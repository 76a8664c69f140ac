// IdleSet: its rules, then sleepers and producers at once. Built a second time with odd_atomic.h.

#include "core/sched/idle_set.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "core/reactor/wake_flag.h"

namespace sluice::core::testing {
namespace {

TEST(IdleSetTest, NobodySleepsNobodyIsWoken) {
  IdleSet idle(2);
  EXPECT_EQ(idle.PickToWake(), -1);
}

TEST(IdleSetTest, WakesOneSleeperAndCountsItAsSearcher) {
  IdleSet idle(4);
  idle.BeginPark(2);
  idle.BeginPark(3);
  EXPECT_EQ(idle.PickToWake(), 2);
  EXPECT_EQ(idle.PickToWake(), -1);  // one searches already
  EXPECT_TRUE(idle.FinishPark(2));
  EXPECT_EQ(idle.PickToWake(), -1);
  EXPECT_TRUE(idle.StopSearching());
  EXPECT_EQ(idle.PickToWake(), 3);
  EXPECT_TRUE(idle.FinishPark(3));
  EXPECT_TRUE(idle.StopSearching());
  EXPECT_EQ(idle.PickToWake(), -1);
}

TEST(IdleSetTest, ASleeperThatWakesByItselfIsNoSearcher) {
  IdleSet idle(2);
  idle.BeginPark(0);
  EXPECT_FALSE(idle.FinishPark(0));
  EXPECT_EQ(idle.PickToWake(), -1);
  idle.BeginPark(1);
  EXPECT_EQ(idle.PickToWake(), 1);
}

TEST(IdleSetTest, HalfOfTheWorkersSearch) {
  IdleSet two(2);
  EXPECT_TRUE(two.TryStartSearching());
  EXPECT_FALSE(two.TryStartSearching());
  EXPECT_TRUE(two.StopSearching());

  IdleSet five(5);
  EXPECT_TRUE(five.TryStartSearching());
  EXPECT_TRUE(five.TryStartSearching());
  EXPECT_TRUE(five.TryStartSearching());
  EXPECT_FALSE(five.TryStartSearching());
  EXPECT_FALSE(five.StopSearching());  // not the last
  EXPECT_FALSE(five.StopSearching());
  EXPECT_TRUE(five.StopSearching());
}

TEST(IdleSetTest, MoreWorkersThanBitsInAWord) {
  IdleSet idle(IdleSet::kMaxWorkers);
  for (uint32_t index : {255u, 130u, 64u}) idle.BeginPark(index);
  for (int expected : {64, 130, 255}) {
    EXPECT_EQ(idle.PickToWake(), expected);
    EXPECT_TRUE(idle.FinishPark(static_cast<uint32_t>(expected)));
    EXPECT_TRUE(idle.StopSearching());
  }
  EXPECT_EQ(idle.PickToWake(), -1);
}

// Workers that take tasks from one pile and sleep when it is empty, as Worker::Park does, and
// threads that add tasks one at a time and wait until all are taken. A lost wake-up leaves a task
// lying while all workers sleep.
class Sleepers {
 public:
  explicit Sleepers(uint32_t workers) : idle_(workers), beds_(workers) {}

  void Run(int producers, int rounds) {
    std::vector<std::thread> workers;
    for (uint32_t i = 0; i < beds_.size(); ++i) workers.emplace_back([this, i] { Work(i); });
    std::vector<std::thread> threads;
    for (int p = 0; p < producers; ++p) {
      threads.emplace_back([this, rounds] { Produce(rounds); });
    }
    for (std::thread& thread : threads) thread.join();
    stopping_.store(true);
    for (uint32_t i = 0; i < beds_.size(); ++i) Wake(i);
    for (std::thread& worker : workers) worker.join();
    EXPECT_EQ(pile_.load(), 0);
  }

 private:
  // Where one worker sleeps: what the eventfd is to a real one.
  struct Bed {
    WakeFlag flag;
    std::mutex mutex;
    std::condition_variable changed;
    bool woken = false;
  };

  void Produce(int rounds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(40);
    for (int i = 0; i < rounds && !lost_.load(); ++i) {
      pile_.fetch_add(1, std::memory_order_release);
      if (const int index = idle_.PickToWake(); index >= 0) Wake(static_cast<uint32_t>(index));
      for (int spins = 0; pile_.load(std::memory_order_acquire) != 0; ++spins) {
        std::this_thread::yield();
        if (spins % 1024 != 0 || std::chrono::steady_clock::now() < deadline) continue;
        ADD_FAILURE() << "a task is lying around and nobody is awake";
        lost_.store(true);
        pile_.store(0);
      }
    }
  }

  void Wake(uint32_t index) {
    Bed& bed = beds_[index];
    if (!bed.flag.Wake()) return;
    std::lock_guard lock(bed.mutex);
    bed.woken = true;
    bed.changed.notify_one();
  }

  bool Take() {
    int there = pile_.load(std::memory_order_acquire);
    while (there > 0) {
      if (pile_.compare_exchange_weak(there, there - 1, std::memory_order_acq_rel)) return true;
    }
    return false;
  }

  void Work(uint32_t index) {
    bool searching = false;
    while (!stopping_.load()) {
      if (Take()) {
        if (searching && idle_.StopSearching() && pile_.load(std::memory_order_acquire) > 0) {
          if (const int next = idle_.PickToWake(); next >= 0) Wake(static_cast<uint32_t>(next));
        }
        searching = false;
        continue;
      }
      if (!searching) searching = idle_.TryStartSearching();
      if (searching && Take()) {
        searching = false;
        idle_.StopSearching();
        continue;
      }
      if (searching) idle_.StopSearching();
      idle_.BeginPark(index);
      if (pile_.load(std::memory_order_acquire) == 0) Sleep(beds_[index]);
      searching = idle_.FinishPark(index);
    }
  }

  void Sleep(Bed& bed) {
    if (!bed.flag.BeginSleep()) return;
    {
      std::unique_lock lock(bed.mutex);
      bed.changed.wait(lock, [&bed] { return bed.woken; });
      bed.woken = false;
    }
    bed.flag.EndSleep();
  }

  IdleSet idle_;
  std::deque<Bed> beds_;
  std::atomic<int> pile_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> lost_{false};
};

TEST(IdleSetTest, NoWakeUpIsLostOneWorker) {
  Sleepers(1).Run(/*producers=*/2, /*rounds=*/30000);
  Sleepers(1).Run(/*producers=*/3, /*rounds=*/10000);
}
TEST(IdleSetTest, NoWakeUpIsLostTwoWorkers) { Sleepers(2).Run(/*producers=*/3, /*rounds=*/10000); }
TEST(IdleSetTest, NoWakeUpIsLostFiveWorkers) { Sleepers(5).Run(/*producers=*/2, /*rounds=*/10000); }

}  // namespace
}  // namespace sluice::core::testing
