// R4: a recv leases its buffer when data is there; an exhausted pool delays it, never fails it.

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/io/recv_stream.h"
#include "core/runtime/task_group.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"
#include "tests/core/support/gate.h"

namespace sluice::contract {
namespace {

using core::BufferLease;
using core::TaskGroup;

class PoolTest : public ContractTest {};
SLUICE_CONTRACT(PoolTest, kAll);

Task<void> ReceiveThenEnd(Pair& pair) {
  RecvStream stream(pair.ours, 65536);
  EXPECT_EQ((co_await Receive(stream, 1)).text, "x");
  co_await StopAndClose(stream);
}

// More connections than buffers wait for data: an idle one holds none.
Task<void> IdleMain(core::RuntimeHandle runtime) {
  std::deque<Pair> pairs;
  TaskGroup group(runtime);
  for (int i = 0; i < 50; ++i) {
    pairs.push_back(ConnectTcp());
    group.Spawn(ReceiveThenEnd(pairs.back()));
  }
  co_await Turns(5);
  RecvStream busy(pairs[0].ours, 1);  // never used: there is no second recv of a descriptor
  Pair other = ConnectTcp();
  RecvStream stream(other.ours, 65536);
  SendSome(other.peer.get(), "there is a buffer");
  EXPECT_EQ((co_await Receive(stream, 17)).text, "there is a buffer");
  co_await StopAndClose(stream);
  for (Pair& pair : pairs) SendSome(pair.peer.get(), "x");
  co_await group.Join();
}
TEST_P(PoolTest, AnIdleConnectionHoldsNoBuffer) {
  options.buffers = 2;
  Run(IdleMain(handle()));
}

// How leases come back.
enum class Giver { kTask, kThread };

// Leases travel from the tasks to a thread that gives them back after a look.
class LeaseThread {
 public:
  LeaseThread() : thread_([this] { Work(); }) {}
  ~LeaseThread() {
    Push(BufferLease());
    thread_.join();
  }
  void Push(BufferLease lease) {
    {
      std::lock_guard lock(mutex_);
      leases_.push_back(std::move(lease));
    }
    changed_.notify_one();
  }

 private:
  void Work() {
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !leases_.empty(); });
      BufferLease lease = std::move(leases_.front());
      leases_.pop_front();
      lock.unlock();
      if (lease.empty()) return;
      lease.Return();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<BufferLease> leases_;
  std::thread thread_;
};

constexpr size_t kBytes = 60'000;  // of each connection: many times what the pool holds

// Receives everything; each lease is kept for a while.
Task<void> ReceiveSlowly(int fd, uint32_t credit, LeaseThread* thread) {
  RecvStream stream(fd, credit);
  size_t position = 0;
  while (position < kBytes) {
    IoResult<BufferLease> lease = co_await stream.Next();
    if (!lease.ok() || lease->empty()) {
      ADD_FAILURE() << "at byte " << position << ": " << lease.error();
      break;
    }
    const std::string text = TextOf(*lease);
    EXPECT_TRUE(text == BytesAt(position, text.size())) << "near byte " << position;
    position += text.size();
    if (thread == nullptr) {
      co_await Yield();
      lease->Return();
    } else {
      thread->Push(std::move(*lease));
    }
  }
  co_await StopAndClose(stream);
}

constexpr size_t kAtStart = 7000;  // bytes in each socket before the first read

void FloodAll(std::deque<Pair>& pairs) {
  std::vector<size_t> positions(pairs.size(), kAtStart);
  for (bool more = true; more;) {
    more = false;
    for (size_t i = 0; i < pairs.size(); ++i) {
      if (positions[i] == kBytes) continue;
      more = true;
      const size_t size = std::min<size_t>(7000, kBytes - positions[i]);
      positions[i] += SendSome(pairs[i].peer.get(), BytesAt(positions[i], size));
    }
    std::this_thread::yield();
  }
}

Task<void> DryMain(core::RuntimeHandle runtime, Giver giver, int connections) {
  std::deque<Pair> pairs;
  for (int i = 0; i < connections; ++i) {
    pairs.push_back(ConnectTcp());
    EXPECT_EQ(SendSome(pairs.back().peer.get(), BytesAt(0, kAtStart)), kAtStart);
  }
  LeaseThread thread;
  TaskGroup group(runtime);
  const uint32_t workers = runtime.workers();
  for (size_t i = 0; i < pairs.size(); ++i) {
    const uint32_t credit = i % 2 == 0 ? 65536 : 2000;
    group.Spawn(ReceiveSlowly(pairs[i].ours, credit, giver == Giver::kThread ? &thread : nullptr),
                &runtime.worker(i % workers));
  }
  std::thread sender([&pairs] { FloodAll(pairs); });
  co_await group.Join();
  sender.join();
  uint64_t dry = 0;
  for (uint32_t i = 0; i < workers; ++i) dry += runtime.reactor_counters(i).starved.load();
  EXPECT_GT(dry, 0u) << "the pool was never dry: this tests nothing";
}

TEST_P(PoolTest, TwoBuffersForFiftyConnections) {
  options.buffers = 2;
  Run(DryMain(handle(), Giver::kTask, 50));
}
TEST_P(PoolTest, FourBuffersThatAnotherThreadGivesBack) {
  options.buffers = 4;
  Run(DryMain(handle(), Giver::kThread, 50));
}
TEST_P(PoolTest, OneBufferThatAnotherThreadGivesBack) {
  options.buffers = 1;
  Run(DryMain(handle(), Giver::kThread, 10));
}

// A recv waits for the one lease, which comes back from outside, mostly while the worker sleeps in
// the kernel.
Task<void> WaitForLeases(int fd, std::deque<core::testing::Gate>& received) {
  RecvStream stream(fd, 4096);
  for (core::testing::Gate& gate : received) {
    const Received next = co_await Receive(stream, 1);
    EXPECT_EQ(next.text, "x");
    gate.Open();
  }
  co_await StopAndClose(stream);
}
Task<void> SleepingMain(core::RuntimeHandle runtime) {
  Pair holder = ConnectTcp();
  Pair pair = ConnectTcp();
  RecvStream stream(holder.ours, 1);
  std::deque<core::testing::Gate> received(300);
  core::JoinHandle<void> waiter =
      core::SpawnOn(runtime, &runtime.worker(0), WaitForLeases(pair.ours, received));
  LeaseThread thread;
  for (size_t i = 0; i < received.size(); ++i) {
    SendSome(holder.peer.get(), "h");
    IoResult<BufferLease> only = co_await stream.Next();
    EXPECT_TRUE(only.ok() && !only->empty());
    SendSome(pair.peer.get(), "x");  // now it has data and finds no buffer
    if (i % 2 == 0) co_await Turns(2);
    thread.Push(std::move(*only));
    co_await received[i];
  }
  (co_await std::move(waiter)).value();
  co_await StopAndClose(stream);
}
TEST_P(PoolTest, ALeaseFromOutsideWakesTheWorker) {
  options.buffers = 1;
  Run(SleepingMain(handle()));
}

}  // namespace
}  // namespace sluice::contract
