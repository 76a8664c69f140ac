// R4 with a reserve: one direction holds all buffers of the pool, and every other still receives; a
// stalled one holds few buffers, however many messages come for it.

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "core/io/recv_stream.h"
#include "core/reactor/buffer_pool.h"
#include "core/runtime/task_group.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"

namespace sluice::contract {
namespace {

using core::BufferLease;
using core::TaskGroup;

constexpr size_t kBlock = 1024;
constexpr int kStreams = 40;

class ReserveTest : public ContractTest {
 protected:
  core::BufferReserve reserve{2 * kStreams + 2, kBlock};
};
SLUICE_CONTRACT(ReserveTest, kAll);

// Takes all buffers that its worker's pool has and keeps them until it is told to go.
Task<void> Hoard(core::Worker* worker, const int* left) {
  std::vector<BufferLease> held;
  core::BufferPool& pool = worker->pool();
  while (core::Buffer* buffer = pool.Take()) {
    buffer->size = 0;
    held.emplace_back(buffer);
  }
  while (*left > 0) co_await Yield();
}

// A message and its answer, many times over, though no pool has a buffer.
Task<void> Talk(Pair& pair, int* left) {
  RecvStream stream(pair.ours, 65536);
  for (int i = 0; i < 20; ++i) {
    // Some are larger than a block: the kernel reports no event for what is left behind.
    const std::string message(1 + static_cast<size_t>(i) * 331, static_cast<char>('a' + i));
    EXPECT_EQ(SendSome(pair.peer.get(), message), message.size());
    EXPECT_EQ((co_await Receive(stream, message.size())).text, message);
  }
  co_await StopAndClose(stream);
  --*left;
}

Task<void> HoardMain(core::RuntimeHandle runtime) {
  std::deque<Pair> pairs;
  for (int i = 0; i < kStreams; ++i) pairs.push_back(ConnectTcp());
  int left = kStreams;
  TaskGroup group(runtime);
  group.Spawn(Hoard(&runtime.worker(0), &left), &runtime.worker(0));
  co_await Turns(2);
  for (Pair& pair : pairs) group.Spawn(Talk(pair, &left), &runtime.worker(0));
  co_await group.Join();
}
TEST_P(ReserveTest, OthersReceiveThoughOneHoldsAll) {
  if (two_workers())
    GTEST_SKIP() << "a pool belongs to its worker: stolen, they would use another's";
  options.buffers = 16;
  options.reserve = &reserve;
  Run(HoardMain(handle()));
  EXPECT_EQ(reserve.taken(), 0u);
}

// What a reactor has in stock for the kernel does not make buffers short: with half of the pool in
// stock and a third of it held, messages still come in ordinary buffers.
Task<void> StockMain(core::RuntimeHandle runtime) {
  core::Worker& worker = runtime.worker(0);
  std::vector<BufferLease> held;
  for (size_t i = 0; i < worker.pool().count() / 3; ++i) {
    core::Buffer* buffer = worker.pool().Take();
    EXPECT_NE(buffer, nullptr);
    if (buffer == nullptr) co_return;
    buffer->size = 0;
    held.emplace_back(buffer);
  }
  std::deque<Pair> pairs;
  int left = 0;
  TaskGroup talks(runtime);
  for (; left < kStreams; ++left) {
    pairs.push_back(ConnectTcp());
    talks.Spawn(Talk(pairs.back(), &left), &worker);
  }
  co_await talks.Join();
  EXPECT_EQ(worker.reactor().counters().reserved.load(std::memory_order_relaxed), 0u);
}
TEST_P(ReserveTest, TheStockIsNoShortage) {
  if (two_workers()) GTEST_SKIP() << "takes from a pool that is another worker's";
  options.buffers = 64;
  options.reserve = &reserve;
  Run(StockMain(handle()));
}

// No task takes what arrives: so many messages hold few buffers, and an exact count of bytes.
constexpr int kMessages = 3000;
Task<void> ChatterMain(core::RuntimeHandle runtime) {
  Pair pair = ConnectTcp();
  RecvStream stream(pair.ours, 1 << 20);
  EXPECT_EQ(SendSome(pair.peer.get(), "0"), 1u);
  EXPECT_EQ((co_await Receive(stream, 1)).text, "0");
  std::string sent;
  for (int i = 0; i < kMessages; ++i) {
    const std::string message(2, static_cast<char>('a' + i % 26));
    sent += message;
    EXPECT_EQ(SendSome(pair.peer.get(), message), message.size());
    if (i % 8 == 0) co_await Yield();
  }
  co_await Turns(20);
  size_t out = 0;
  for (uint32_t i = 0; i < runtime.workers(); ++i) out += runtime.worker(i).pool().taken();
  EXPECT_LE(out, 32u) << "the ring's own stock and a few";
  EXPECT_EQ((co_await Receive(stream, sent.size())).text, sent);
  co_await StopAndClose(stream);
}
TEST_P(ReserveTest, ChatterForOneThatDoesNotReadHoldsFewBuffers) {
  if (two_workers()) GTEST_SKIP() << "reads another worker's count";
  options.buffers = 40;  // the ring keeps half of them
  options.reserve = &reserve;
  Run(ChatterMain(handle()));
}

}  // namespace
}  // namespace sluice::contract
