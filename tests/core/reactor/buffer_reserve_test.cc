// BufferReserve: each block once, from any thread; what came back is handed out again and its
// memory goes back to the kernel. RecvOp: what waits is gathered.

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/reactor/buffer_pool.h"
#include "core/reactor/op.h"
#include "core/reactor/recv_op.h"
#include "core/task/runnable.h"

namespace sluice::core::testing {
namespace {

constexpr size_t kBlock = 2048;

TEST(BufferReserveTest, HandsOutEachBlockOnce) {
  BufferReserve reserve(3, kBlock);
  EXPECT_EQ(reserve.count(), 3u);
  EXPECT_EQ(reserve.capacity(), kBlock - sizeof(Buffer));
  std::set<std::byte*> places;
  std::vector<BufferLease> leases;
  for (size_t i = 0; i < 3; ++i) {
    Buffer* block = reserve.Take();
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(block->capacity, reserve.capacity());
    std::memset(block->data, 0x5a, block->capacity);
    places.insert(block->data);
    leases.emplace_back(block);
    EXPECT_TRUE(leases.back().is_reserve());
  }
  EXPECT_EQ(places.size(), 3u);
  EXPECT_EQ(reserve.taken(), 3u);
  EXPECT_EQ(reserve.Take(), nullptr);
  leases[1].Return();
  EXPECT_EQ(reserve.taken(), 2u);
  Buffer* again = reserve.Take();
  EXPECT_NE(again, nullptr);
  reserve.Release(again);
}

TEST(BufferReserveTest, WithoutBlocksThereAreNone) {
  BufferReserve reserve(0, kBlock);
  EXPECT_EQ(reserve.count(), 0u);
  EXPECT_EQ(reserve.Take(), nullptr);
}

TEST(BufferReserveTest, AddressSpaceThatIsNotGranted) {
  BufferReserve reserve(size_t{1} << 52, kBlock);
  EXPECT_EQ(reserve.count(), 0u);
  EXPECT_EQ(reserve.Take(), nullptr);
}

// Often enough that the memory goes back to the kernel several times.
TEST(BufferReserveTest, ManyTimesAllOfIt) {
  constexpr size_t kCount = 600;
  BufferReserve reserve(kCount, kBlock);
  for (int round = 0; round < 5; ++round) {
    std::vector<Buffer*> blocks;
    while (Buffer* block = reserve.Take()) {
      std::memset(block->data, round, block->capacity);
      blocks.push_back(block);
    }
    ASSERT_EQ(blocks.size(), kCount);
    for (Buffer* block : blocks) {
      EXPECT_EQ(block->data[0], std::byte{static_cast<uint8_t>(round)});
      reserve.Release(block);
    }
    EXPECT_EQ(reserve.taken(), 0u);
  }
}

TEST(BufferReserveTest, FromManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 20'000;
  BufferReserve reserve(kThreads, kBlock);  // one for each: there is always one
  std::atomic<int> missing{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        Buffer* block = reserve.Take();
        if (block == nullptr) {
          ++missing;
          continue;
        }
        block->data[0] = std::byte{static_cast<uint8_t>(t)};
        if (block->data[0] != std::byte{static_cast<uint8_t>(t)}) ++missing;
        reserve.Release(block);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(missing.load(), 0);
  EXPECT_EQ(reserve.taken(), 0u);
}

TEST(BufferReserveDeathTest, NoLeaseOutlivesIt) {
  EXPECT_DEATH(
      {
        BufferReserve reserve(1, kBlock);
        (void)reserve.Take();
      },
      "taken");
}

// A task that is never run.
class NoTask final : public Runnable {
 public:
  NoTask() : Runnable(first_) {}

 private:
  struct Nothing final : Node {
    void OnReady() override {}
  };
  void Finish() override {}
  Nothing first_;
};

// Delivers `text` in a buffer of its own, as a reactor does.
void Deliver(RecvOp& op, BufferPool& pool, std::string_view text) {
  Buffer* buffer = pool.Take();
  ASSERT_NE(buffer, nullptr);
  std::memcpy(buffer->data, text.data(), text.size());
  buffer->size = static_cast<uint32_t>(text.size());
  buffer->last = false;
  op.Deliver(*buffer);
}

std::string TakeAll(RecvOp& op, size_t& buffers) {
  std::string all;
  for (buffers = 0; op.has_buffer(); ++buffers) {
    const BufferLease lease = op.TakeBuffer();
    all.append(reinterpret_cast<const char*>(lease.bytes().data()), lease.bytes().size());
  }
  return all;
}

TEST(GatherTest, ManySmallMessagesHoldFewBuffers) {
  constexpr size_t kBytes = 4096;
  constexpr int kMessages = 10'000;
  BufferPool pool(8, kBytes, [] {});
  NoTask task;
  RecvOp op(-1);
  op.task = &task;
  std::string sent;
  for (int i = 0; i < kMessages; ++i) {
    const std::string message(1 + i % 3, static_cast<char>('a' + i % 26));
    Deliver(op, pool, message);
    sent += message;
  }
  pool.CollectRemote();  // no worker runs here
  EXPECT_LE(pool.taken(), sent.size() / kBytes + 1);
  size_t buffers = 0;
  EXPECT_EQ(TakeAll(op, buffers), sent);
  EXPECT_LE(buffers, sent.size() / kBytes + 1);
}

// Two neighbours hold more than a buffer's worth, whatever the sizes.
TEST(GatherTest, AwkwardSizes) {
  constexpr size_t kBytes = 4096;
  BufferPool pool(64, kBytes, [] {});
  NoTask task;
  RecvOp op(-1);
  op.task = &task;
  std::string sent;
  for (const size_t size : {2049, 2049, 1, 4096, 1, 2047, 2048, 2049, 4095, 1, 1, 3000, 1096, 1}) {
    const std::string message(size, static_cast<char>('a' + sent.size() % 26));
    Deliver(op, pool, message);
    sent += message;
  }
  pool.CollectRemote();
  EXPECT_LE(pool.taken(), 2 * (sent.size() / kBytes) + 1);
  size_t buffers = 0;
  EXPECT_EQ(TakeAll(op, buffers), sent);
}

TEST(GatherTest, WhatHasBeenTakenIsNotTouched) {
  BufferPool pool(4, 4096, [] {});
  NoTask task;
  RecvOp op(-1);
  op.task = &task;
  Deliver(op, pool, "first");
  const BufferLease first = op.TakeBuffer();
  Deliver(op, pool, "second");
  EXPECT_EQ(first.bytes().size(), 5u);
  size_t buffers = 0;
  EXPECT_EQ(TakeAll(op, buffers), "second");
  EXPECT_EQ(buffers, 1u);
}

}  // namespace
}  // namespace sluice::core::testing
