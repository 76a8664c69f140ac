// ThreadMutex between real threads: what it guards is not changed by two at once, and threads that
// sleep go on.
#include "core/base/thread_mutex.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
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
bool SleepAndGoOn() {
  Counted counted;
  CountInThreads(counted, 200, [] {
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(50);
    while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
  });
  return CountOf(counted) == kThreads * 200;
}
TEST(ThreadMutexTest, ThreadsThatSleepGoOn) { EXPECT_TRUE(SleepAndGoOn()); }

// As a filter of system calls does that knows nothing of it.
void RefuseMembarrier() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {.len = std::size(filter), .filter = filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::exit(2);
  }
}

// Each in a process of its own, in which no mutex has been unlocked before.
TEST(ThreadMutexDeathTest, WhereThereIsNoMembarrier) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        RefuseMembarrier();
        std::exit(SleepAndGoOn() ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}
TEST(ThreadMutexDeathTest, WhereMembarrierIsTakenAway) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        FutexSleep::Prepare();
        RefuseMembarrier();
        std::exit(SleepAndGoOn() ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace sluice::core
