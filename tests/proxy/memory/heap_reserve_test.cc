#include "proxy/memory/heap_reserve.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "proxy/memory/reserve_region.h"

namespace sluice::proxy {
namespace {

constexpr size_t kBytes = size_t{1} << 20;
constexpr core::Instant kNow(7s);

// A block whose bytes are its own.
struct Filled {
  std::byte* memory;
  size_t size;
  std::byte value;
};

Filled Fill(void* memory, size_t size, uint8_t value) {
  EXPECT_NE(memory, nullptr);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 16, 0u);
  std::memset(memory, value, size);
  return {static_cast<std::byte*>(memory), size, std::byte{value}};
}

void ExpectUntouched(const Filled& block) {
  for (size_t i = 0; i < block.size; ++i) ASSERT_EQ(block.memory[i], block.value);
}

TEST(ReserveRegionTest, BlocksOfAllSizesAreApart) {
  ReserveRegion region;
  ASSERT_TRUE(region.Map(kBytes));
  std::vector<Filled> blocks;
  for (size_t size : {0, 1, 47, 48, 49, 64, 1000, 4079, 4080, 4081, 8192, 30000, 70000}) {
    for (uint8_t twice : {0, 1}) {
      blocks.push_back(
          Fill(region.Allocate(size), size, static_cast<uint8_t>(2 * blocks.size() + twice)));
    }
  }
  for (const Filled& block : blocks) ExpectUntouched(block);
  for (const Filled& block : blocks) region.Free(block.memory);
  EXPECT_TRUE(region.empty());
}

TEST(ReserveRegionTest, FullAndEmpty) {
  ReserveRegion region;
  ASSERT_TRUE(region.Map(kBytes));
  EXPECT_EQ(region.Allocate(kBytes), nullptr);
  EXPECT_EQ(region.Allocate(SIZE_MAX), nullptr);
  for (int round = 0; round < 3; ++round) {
    std::vector<void*> blocks;
    while (void* block = region.Allocate(1000)) blocks.push_back(block);
    EXPECT_EQ(blocks.size(), kBytes / 1024);
    EXPECT_FALSE(region.whole());
    EXPECT_EQ(region.Allocate(1), nullptr);
    region.Free(blocks.back());
    EXPECT_EQ(region.Allocate(990), blocks.back()) << "of the same class";
    for (void* block : blocks) region.Free(block);
    EXPECT_TRUE(region.whole());
  }
}

TEST(ReserveRegionTest, ContainsItsOwn) {
  ReserveRegion region;
  EXPECT_FALSE(region.Contains(nullptr));
  ASSERT_TRUE(region.Map(kBytes));
  const auto* begin = reinterpret_cast<const std::byte*>(region.begin());
  EXPECT_FALSE(region.Contains(begin - 1));
  EXPECT_TRUE(region.Contains(begin));
  EXPECT_TRUE(region.Contains(begin + kBytes - 1));
  EXPECT_FALSE(region.Contains(begin + kBytes));
}

class HeapReserveTest : public ::testing::Test {
 protected:
  // All that a region of it has.
  std::vector<void*> UseUp() {
    std::vector<void*> blocks;
    blocks.reserve(2 * kBytes / 1024);
    while (void* block = reserve.Allocate(1000)) blocks.push_back(block);
    return blocks;
  }

  // Whether it has recovered after the pause between two tries.
  bool Recovers() { return reserve.HasMemory(now += HeapReserve::kRetry); }

  bool malloc_works = true;
  int probes = 0;
  core::Instant now = kNow;
  HeapReserve reserve{kBytes, [this] {
                        ++probes;
                        return malloc_works;
                      }};
};

TEST_F(HeapReserveTest, IsShortUntilMallocWorks) {
  EXPECT_TRUE(reserve.HasMemory(now));
  EXPECT_EQ(probes, 0);
  malloc_works = false;
  void* block = reserve.Allocate(100);
  EXPECT_FALSE(reserve.HasMemory(now));
  EXPECT_FALSE(Recovers());
  malloc_works = true;
  EXPECT_TRUE(Recovers()) << "also while a block is out";
  EXPECT_TRUE(reserve.HasMemory(now));
  EXPECT_TRUE(reserve.Free(block));
}

TEST_F(HeapReserveTest, AsksOncePerRetry) {
  malloc_works = false;
  void* block = reserve.Allocate(100);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(reserve.HasMemory(now + i * 1ns));
  EXPECT_EQ(probes, 1);
  EXPECT_FALSE(reserve.HasMemory(now + HeapReserve::kRetry));
  EXPECT_EQ(probes, 2);
  EXPECT_TRUE(reserve.Free(block));
}

TEST_F(HeapReserveTest, WhatIsNotItsOwnIsNotFreed) {
  int other = 0;
  EXPECT_FALSE(reserve.Free(&other));
  EXPECT_FALSE(reserve.Free(nullptr));
}

TEST_F(HeapReserveTest, AnotherRegionWhenOneIsInUse) {
  const std::vector<void*> old = UseUp();
  EXPECT_EQ(reserve.Allocate(1000), nullptr);
  EXPECT_TRUE(Recovers());
  const std::vector<void*> fresh = UseUp();
  EXPECT_EQ(fresh.size(), old.size());
  for (void* block : old) EXPECT_TRUE(reserve.Free(block));
  EXPECT_TRUE(Recovers()) << "the first is whole again";
  for (void* block : fresh) EXPECT_TRUE(reserve.Free(block));
  EXPECT_FALSE(reserve.Free(fresh[0])) << "one region is enough: the other is unmapped";
}

TEST_F(HeapReserveTest, StaysShortWithoutAnotherRegion) {
  std::vector<void*> blocks = UseUp();
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  const rlimit nothing = {.rlim_cur = 1, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_AS, &nothing), 0);
  const bool recovers = Recovers();
  ASSERT_EQ(setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_FALSE(recovers);
  for (void* block : blocks) EXPECT_TRUE(reserve.Free(block));
  EXPECT_TRUE(Recovers());
}

TEST_F(HeapReserveTest, RegionsAreBounded) {
  std::vector<std::vector<void*>> all;
  do {
    all.push_back(UseUp());
  } while (Recovers());
  EXPECT_EQ(all.size(), 4u);
  for (const auto& blocks : all) {
    for (void* block : blocks) EXPECT_TRUE(reserve.Free(block));
  }
  EXPECT_TRUE(Recovers());
}

TEST_F(HeapReserveTest, NoneAtAll) {
  HeapReserve none(0, [] { return false; });
  EXPECT_EQ(none.Allocate(1), nullptr);
  EXPECT_TRUE(none.HasMemory(now));
}

TEST_F(HeapReserveTest, BytesFor) {
  EXPECT_LT(HeapReserve::BytesFor(1), HeapReserve::BytesFor(10000));
  EXPECT_EQ(HeapReserve::BytesFor(UINT32_MAX), HeapReserve::BytesFor(UINT32_MAX - 1));
}

// Blocks go from thread to thread, and are freed elsewhere than they were made.
TEST_F(HeapReserveTest, ManyThreads) {
  constexpr int kRounds = 20000;
  std::array<core::Atomic<void*>, 8> slots{};
  std::vector<std::thread> threads;
  for (uint8_t id = 1; id <= 3; ++id) {
    threads.emplace_back([&, id] {
      for (int i = 0; i < kRounds; ++i) {
        const size_t size = 16 + static_cast<size_t>(i * id) % 3000;
        void* block = reserve.Allocate(size);
        std::memset(block, id, size);
        block = slots[static_cast<size_t>(i) % slots.size()].exchange(block);
        if (block == nullptr) continue;
        const auto* bytes = static_cast<const uint8_t*>(block);
        if (bytes[0] != bytes[15] || !reserve.Free(block)) std::abort();
      }
    });
  }
  for (int i = 1; i <= 100; ++i) (void)reserve.HasMemory(kNow + i * HeapReserve::kRetry);
  for (std::thread& thread : threads) thread.join();
  for (core::Atomic<void*>& slot : slots) {
    if (void* block = slot.load()) EXPECT_TRUE(reserve.Free(block));
  }
}

}  // namespace
}  // namespace sluice::proxy
