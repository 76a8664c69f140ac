#include "proxy/admission/connection_limit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "core/runtime/task_group.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"

namespace sluice::proxy {
namespace {

TEST(ConnectionLimit, ZeroMeansNone) {
  ConnectionLimit limit(0);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(limit.TryAcquire());
  for (int i = 0; i < 1000; ++i) limit.Release();
}

TEST(ConnectionLimit, ExactUnderAStorm) {
  constexpr uint32_t kMax = 7;
  ConnectionLimit limit(kMax);
  std::atomic<uint32_t> inside{0};
  std::atomic<uint32_t> most{0};
  std::atomic<uint64_t> entered{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20000; ++i) {
        if (!limit.TryAcquire()) continue;
        const uint32_t now = ++inside;
        uint32_t seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        ++entered;
        --inside;
        limit.Release();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, kMax);
  EXPECT_GT(entered, 0u);
  EXPECT_EQ(limit.count(), 0u);
}

struct Waiting {
  ConnectionLimit limit{1};
  std::string told;  // names, in order
};

// Takes nothing.
core::Task<void> WaitAndPassOn(Waiting& waiting, char name) {
  co_await waiting.limit.FreeSlot();
  waiting.told += name;
  waiting.limit.PassOn();
}

core::Task<void> OneSlotForThree(core::RuntimeHandle runtime, Waiting& waiting) {
  EXPECT_TRUE(waiting.limit.TryAcquire());
  core::TaskGroup group(runtime);
  for (const char name : {'a', 'b', 'c'}) {
    group.Spawn(WaitAndPassOn(waiting, name));
    co_await core::testing::Yield();
  }
  EXPECT_EQ(waiting.told, "");
  waiting.limit.Release();
  for (int i = 0; i < 3; ++i) co_await core::testing::Yield();
  EXPECT_EQ(waiting.told, "abc");
  for (int i = 0; i < 3; ++i) {  // so that the test ends if they were not told
    EXPECT_TRUE(waiting.limit.TryAcquire());
    waiting.limit.Release();
  }
  co_await group.Join();
}

TEST(ConnectionLimit, AFreeSlotThatIsNotTakenIsPassedOn) {
  core::testing::TestRuntime runtime(1);
  Waiting waiting;
  runtime.Run(OneSlotForThree(runtime.handle(), waiting));
}

TEST(LimitSlot, BothOrNone) {
  ConnectionLimit global(2);
  ConnectionLimit own(1);
  ConnectionLimit* exhausted = nullptr;
  {
    LimitSlot first = LimitSlot::TryAcquire(global, own, exhausted);
    EXPECT_EQ(exhausted, nullptr);
    EXPECT_EQ(global.count(), 1u);
    LimitSlot second = LimitSlot::TryAcquire(global, own, exhausted);
    EXPECT_EQ(exhausted, &own);
    EXPECT_EQ(global.count(), 1u) << "the global slot has been given back";
    ConnectionLimit other(0);
    LimitSlot third = LimitSlot::TryAcquire(global, other, exhausted);
    EXPECT_EQ(exhausted, nullptr);
    LimitSlot fourth = LimitSlot::TryAcquire(global, other, exhausted);
    EXPECT_EQ(exhausted, &global);
  }
  EXPECT_EQ(global.count(), 0u);
  EXPECT_EQ(own.count(), 0u);
}

TEST(LimitSlot, MovesWithItsPlace) {
  ConnectionLimit global(1);
  ConnectionLimit own(1);
  ConnectionLimit* exhausted = nullptr;
  LimitSlot slot = LimitSlot::TryAcquire(global, own, exhausted);
  LimitSlot moved = std::move(slot);
  EXPECT_EQ(global.count(), 1u);
  moved = LimitSlot();
  EXPECT_EQ(global.count(), 0u);
}

}  // namespace
}  // namespace sluice::proxy
