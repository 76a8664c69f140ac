// More of everything than fits at once: ops than the submission queue holds, completions than are
// reaped in one go, descriptors.

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "core/io/recv_stream.h"
#include "core/runtime/task_group.h"
#include "tests/contract/contract.h"
#include "tests/contract/many_descriptors.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"

namespace sluice::contract {
namespace {

class CrowdTest : public ManyDescriptorsTest {};
SLUICE_CONTRACT(CrowdTest, kAll);

// Answers every byte with two, to the end.
Task<void> Echo(int fd, size_t& bytes) {
  RecvStream stream(fd, 4096);
  for (;;) {
    const Received next = co_await ReceiveNext(stream);
    EXPECT_EQ(next.error, 0);
    if (next.end || next.error != 0) break;
    bytes += next.text.size();
    EXPECT_EQ(co_await SendAll(fd, next.text + next.text), 0);
  }
  co_await StopAndClose(stream);
}

// Sends a byte to all before it listens to any: all ops are in flight, all complete at once.
Task<void> CrowdMain(core::RuntimeHandle runtime, size_t connections, int rounds) {
  std::deque<Pair> pairs;
  std::vector<size_t> bytes(connections, 0);
  core::TaskGroup group(runtime);
  for (size_t i = 0; i < connections; ++i) {
    pairs.push_back(i % 2 == 0 ? ConnectUnix() : ConnectTcp());
    core::Worker* worker = &runtime.worker(i % runtime.workers());
    group.Spawn(Echo(pairs.back().ours, bytes[i]), worker);
  }
  for (int round = 0; round < rounds; ++round) {
    if (round % 2 == 0) co_await Turns(3);
    for (Pair& pair : pairs) SendSome(pair.peer.get(), "x");
    for (Pair& pair : pairs) EXPECT_EQ(co_await PeerReceives(pair.peer.get(), 2), "xx");
  }
  for (Pair& pair : pairs) pair.peer.Close();
  co_await group.Join();
  for (size_t count : bytes) EXPECT_EQ(count, static_cast<size_t>(rounds));
}

TEST_P(CrowdTest, ThreeThousandOps) {
  options.buffers = 64;
  Run(CrowdMain(handle(), 3000, 3));
}

TEST_P(CrowdTest, FiveThousandDescriptors) {
  options.buffers = 1024;
  Run(CrowdMain(handle(), 5000, 1));
}

// One task with a thousand recvs and a thousand sends in flight at once.
Task<void> OneTaskMain() {
  constexpr size_t kOps = 1500;
  const core::Context context = co_await core::CurrentContext();
  std::deque<Pair> pairs;
  std::deque<core::RecvOp> receives;
  for (size_t i = 0; i < kOps; ++i) {
    pairs.push_back(ConnectUnix());
    receives.emplace_back(pairs.back().ours).credit = 1;
    EXPECT_FALSE(core::SubmitHere(receives.back(), *context.task));
  }
  co_await Turns(3);
  for (core::RecvOp& op : receives) EXPECT_TRUE(op.in_flight);
  for (Pair& pair : pairs) SendSome(pair.peer.get(), "x");
  for (core::RecvOp& op : receives) {
    co_await Until([&op] { return !op.in_flight; });
    EXPECT_TRUE(op.has_buffer());
    if (op.has_buffer()) EXPECT_EQ(TextOf(op.TakeBuffer()), "x");
    CloseHere(op.fd);
  }
}
TEST_P(CrowdTest, ManyOpsOfOneTask) {
  options.buffers = 2000;
  options.buffer_size = 4096;
  Run(OneTaskMain());
}

}  // namespace
}  // namespace sluice::contract
