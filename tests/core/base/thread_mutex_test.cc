// ThreadMutex between real threads: what it guards is not changed by two at once, and threads that
// sleep go on.
#include "core/base/thread_mutex.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

namespace sluice::core {
namespace {

constexpr int kThreads = 4;

struct Counted {
  ThreadMutex mutex;
  int64_t count ABSL_GUARDED_BY(mutex) = 0;
};

void CountInThreads(Counted& counted, int64_t times, void (*hold)()) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&counted, times, hold] {
      for (int64_t k = 0; k < times; ++k) {
        ThreadMutexLock lock(&counted.mutex);
        const int64_t before = counted.count;
        hold();
        counted.count = before + 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

int64_t CountOf(Counted& counted) {
  ThreadMutexLock lock(&counted.mutex);
  return counted.count;
}

TEST(ThreadMutexTest, IsFourBytes) { EXPECT_EQ(sizeof(ThreadMutex), 4u); }

TEST(ThreadMutexTest, OneAtATime) {
  Counted counted;
  CountInThreads(counted, 200'000, [] {});
  EXPECT_EQ(CountOf(counted), kThreads * 200'000);
}

// Held for longer than a thread looks: the others sleep, and are woken one after the other.
TEST(ThreadMutexTest, ThreadsThatSleepGoOn) {
  Counted counted;
  CountInThreads(counted, 200, [] {
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(50);
    while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
  });
  EXPECT_EQ(CountOf(counted), kThreads * 200);
}

}  // namespace
}  // namespace sluice::core
