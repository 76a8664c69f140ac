// Which frames come from the cache, how many it keeps, and that all go back to malloc in the end.
#include "core/task/frame_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/runtime/spawn.h"
#include "core/sched/worker_memory.h"
#include "tests/core/support/counted_new.h"
#include "tests/core/support/null_reactor.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

// How many allocations there have been since the last call.
int64_t Made() {
  static int64_t before = 0;
  const int64_t now = allocations.made.load();
  return now - std::exchange(before, now);
}
int64_t Freed() {
  static int64_t before = 0;
  const int64_t now = allocations.freed.load();
  return now - std::exchange(before, now);
}

class FrameCacheTest : public ::testing::Test {
 protected:
  FrameCacheTest() { FrameCache::SetCurrent(&cache_); }
  ~FrameCacheTest() override { FrameCache::SetCurrent(nullptr); }
  FrameCache cache_;
};

TEST_F(FrameCacheTest, AFrameIsUsedAgainByOneOfItsClass) {
  void* frame = FrameCache::Allocate(200);
  FrameCache::Free(frame, 200);
  Made();
  EXPECT_EQ(FrameCache::Allocate(193), frame);  // the class of both is 200 bytes
  EXPECT_EQ(Made(), 0);
  FrameCache::Free(frame, 193);
  for (const size_t other : {192u, 209u}) {
    void* another = FrameCache::Allocate(other);
    EXPECT_NE(another, frame);
    EXPECT_EQ(Made(), 1);
    FrameCache::Free(another, other);
  }
}

TEST_F(FrameCacheTest, KeepsAFewOfAClassAndNoLargeOnes) {
  constexpr int kMost = 3;
  constexpr int kFrames = 2 * kMost + 5;
  cache_.Configure(kMost, nullptr);
  std::vector<void*> frames(kFrames);
  for (const auto& [size, kept] :
       {std::pair<size_t, int>{FrameCache::kLargest, 2 * kMost}, {FrameCache::kLargest + 1, 0}}) {
    for (void*& frame : frames) frame = FrameCache::Allocate(size);
    Freed();
    for (void* frame : frames) FrameCache::Free(frame, size);
    EXPECT_EQ(Freed(), kFrames - kept) << size;
  }
  Freed();
  cache_.Clear();
  EXPECT_EQ(Freed(), 2 * kMost);
}

// One cache only allocates, the other one only frees: frames go round through the depot.
TEST_F(FrameCacheTest, TheDepotBringsBackWhatOthersFree) {
  constexpr int kMost = 3;
  constexpr int kChains = 2;
  FrameDepot depot;
  depot.set_most_chains(kChains);
  FrameCache other;
  cache_.Configure(kMost, &depot);
  other.Configure(kMost, &depot);
  std::vector<void*> frames((kChains + 2) * kMost);
  Made();
  for (int round = 0; round < 5; ++round) {
    FrameCache::SetCurrent(&cache_);
    for (void*& frame : frames) frame = FrameCache::Allocate(100);
    // What the depot has brought back is not made again.
    EXPECT_EQ(Made(), (round == 0 ? kChains + 2 : 2) * kMost) << round;
    FrameCache::SetCurrent(&other);
    for (void* frame : frames) FrameCache::Free(frame, 100);
  }
  EXPECT_EQ(depot.Take(FreeFrame::ClassOf(200)), nullptr);  // of another class there is none
}

// A full depot is asked once for a list, not for each frame; and gives all back.
TEST_F(FrameCacheTest, ADepotThatIsFullTakesNoMore) {
  constexpr int kMost = 3;
  FrameDepot depot;
  depot.set_most_chains(1);
  cache_.Configure(kMost, &depot);
  std::vector<void*> frames(10 * kMost);
  for (void*& frame : frames) frame = FrameCache::Allocate(100);
  Freed();
  for (void* frame : frames) FrameCache::Free(frame, 100);
  EXPECT_EQ(Freed(), 7 * kMost);  // a list is active, one is the spare, one is in the depot
  cache_.Trim();
  EXPECT_EQ(Freed(), 3 * kMost);
}

TEST_F(FrameCacheTest, WithoutACacheItIsMalloc) {
  FrameCache::SetCurrent(nullptr);
  for (int i = 0; i < 2; ++i) {
    Made();
    Freed();
    FrameCache::Free(FrameCache::Allocate(100), 100);
    EXPECT_EQ(Made(), 1);
    EXPECT_EQ(Freed(), 1);
  }
}

Task<int> Child(int value) {
  co_await Yield();
  co_return value;
}
Task<void> SteadyMain() {
  for (int round = 0; round < 1000; ++round) {
    if (round == 10) Made();
    EXPECT_EQ(co_await Child(round), round);
    EXPECT_EQ((co_await Spawn(Child(round))).value(), round);
  }
  EXPECT_EQ(Made(), 0);
}
TEST(FrameCacheOfAWorkerTest, SpawningAndAwaitingAllocateNothingInSteadyState) {
  TestRuntime(1).Run(SteadyMain());
}

// Frames that are made by one worker and freed by the other, and by threads that are none; so many
// that they go through the depot.
Task<void> Storm(TestRuntime& runtime) {
  for (int round = 0; round < 20; ++round) {
    std::vector<JoinHandle<int>> handles;
    for (int i = 0; i < 1000; ++i) {
      handles.push_back(SpawnOn(runtime.handle(), runtime.worker(i % 2), Child(i)));
    }
    for (JoinHandle<int>& handle : handles) (void)co_await std::move(handle);
  }
}
TEST(FrameCacheOfAWorkerTest, AllGoesBackInTheEnd) {
  int64_t before = 0;
  for (int run = 0; run < 3; ++run) {  // the first makes what stays for ever
    {
      TestRuntime runtime(2);
      runtime.Run(Storm(runtime));
      (void)Child(1);  // by a thread that is no worker
    }
    const int64_t left = allocations.made.load() - allocations.freed.load();
    if (run > 1) EXPECT_EQ(left, before);
    before = left;
  }
}

class FullHeap final : public ThreadHeap {
 public:
  explicit FullHeap(const std::atomic<int64_t>& freed) : freed_(freed), at_first_(freed) {}
  bool TrimPays() const override { return true; }
  void Trim() override { EXPECT_EQ(freed_.load() - at_first_, 1); }  // the frame comes first

 private:
  const std::atomic<int64_t>& freed_;
  const int64_t at_first_;
};
TEST(FrameCacheOfAWorkerTest, IsEmptiedBeforeTheHeapIsTrimmed) {
  WorkerMemory memory;
  ASSERT_TRUE(memory.ReserveBuffers(TestRuntime::Small(), [] {}).ok());
  FrameCache::SetCurrent(&memory.frames());
  FrameCache::Free(FrameCache::Allocate(100), 100);
  NullReactor reactor;
  memory.set_heap(std::make_unique<FullHeap>(allocations.freed));
  Freed();
  memory.MaybeTrim(Instant(1s), reactor);
  EXPECT_EQ(Freed(), 1);
  FrameCache::SetCurrent(nullptr);
  memory.set_heap(nullptr);
}

}  // namespace
}  // namespace sluice::core::testing
