// EAGAIN that no edge follows: poll(2) says that a socket may be written to, and each attempt says
// that it may not. So it is when the kernel is short of memory for sockets; here a filter for
// system calls says so. What writes neither hangs nor uses the processor: it tries now and then.

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "core/base/time.h"
#include "core/io/attempt.h"
#include "core/io/op_wait.h"
#include "core/io/socket_attempts.h"
#include "core/reactor/op.h"
#include "core/task/select.h"
#include "core/task/yield.h"
#include "core/time/sleep.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"
#include "tests/core/support/system_call_filter.h"

namespace sluice::contract {
namespace {

using core::OpKind;
using core::SingleShotOp;

class NoEdgeTest : public ContractTest {
 public:
  uint64_t completions() {
    return worker(0)->reactor().counters().completions.load(std::memory_order_relaxed);
  }
  // In the kernel, by the worker.
  core::Duration waited() {
    const uint64_t ns = worker(0)->counters().waited_ns.load(std::memory_order_relaxed);
    return core::Duration(static_cast<int64_t>(ns));
  }
  uint64_t ops() { return worker(0)->reactor().counters().ops.load(std::memory_order_relaxed); }
  using ContractTest::clock;
};
SLUICE_CONTRACT(NoEdgeTest, kOneWorker);

// For the calling thread, the worker, and for ever: `call` brings EAGAIN if this argument of it has
// this value. Every test has a worker of its own.
bool FailsIf(uint32_t call, size_t argument, uint32_t value) {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
               static_cast<uint32_t>(offsetof(seccomp_data, args) + 8 * argument)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  return core::testing::FilterSystemCalls(code);
}

constexpr uint32_t kRefused =
    5001;  // bytes: a large send, which io_uring begins with the call, too

Task<void> SendMain(NoEdgeTest& test) {
  Pair pair = ConnectTcp();
  EXPECT_TRUE(FailsIf(SYS_sendto, 2, kRefused));
  const std::string bytes = BytesAt(0, kRefused);
  const core::Context context = co_await core::CurrentContext();
  for (const bool cancel : {false, true, false}) {
    SingleShotOp op(OpKind::kSend, pair.ours);
    op.data = bytes.data();
    op.size = kRefused;
    EXPECT_FALSE(core::SubmitHere(op, *context.task));
    // An edge that comes with the attempt; it says that one may write, too.
    EXPECT_EQ(SendSome(pair.peer.get(), "x"), 1u);
    co_await Turns(3);
    const uint64_t before = test.completions();
    co_await core::Sleep(20ms);  // a longer one could only bring more of them
    EXPECT_LT(test.completions() - before, 50u) << "the worker spins";
    EXPECT_TRUE(op.in_flight);
    if (cancel) {
      op.Cancel();
    } else {
      op.size = kRefused - 1;  // from now on it may
    }
    co_await Until([&op] { return !op.in_flight; });
    EXPECT_EQ(op.result, cancel ? -ECANCELED : 5000);
    if (cancel) continue;
    EXPECT_TRUE(co_await PeerReceives(pair.peer.get(), 5000) == BytesAt(0, 5000));
  }
  CloseHere(pair.ours);
}
TEST_P(NoEdgeTest, ASendTriesNowAndThen) { Run(SendMain(*this)); }

// More of them than a turn lets go on: those that are in vain again pause again, and the worker
// rests in between.
Task<void> ManySendsMain(NoEdgeTest& test) {
  constexpr size_t kSends = 400;
  EXPECT_TRUE(FailsIf(SYS_sendto, 2, kRefused));
  const std::string bytes = BytesAt(0, kRefused);
  const core::Context context = co_await core::CurrentContext();
  std::deque<Pair> pairs;
  std::deque<SingleShotOp> ops;
  for (size_t i = 0; i < kSends; ++i) {
    Pair& pair = pairs.emplace_back(ConnectTcp());
    SingleShotOp& op = ops.emplace_back(OpKind::kSend, pair.ours);
    op.data = bytes.data();
    op.size = kRefused;
    EXPECT_FALSE(core::SubmitHere(op, *context.task));
    EXPECT_EQ(SendSome(pair.peer.get(), "x"), 1u);
    co_await core::Yield();  // with a new budget: else io_uring begins with the ring
  }
  co_await core::Sleep(50ms);  // all of them pause
  const core::Duration before = test.waited();
  co_await core::Sleep(100ms);
  EXPECT_GT(test.waited() - before, 20ms) << "the worker spins";
  for (SingleShotOp& op : ops) op.size = kRefused - 1;
  for (SingleShotOp& op : ops) {
    co_await Until([&op] { return !op.in_flight; });
    EXPECT_EQ(op.result, 5000);
  }
  for (const Pair& pair : pairs) CloseHere(pair.ours);
}
TEST_P(NoEdgeTest, ManySendsTryNowAndThen) { Run(ManySendsMain(*this)); }

// A write of several parts, which its task makes: twenty attempts take two pauses. Whether it
// pauses or polls, it ends by a cancel.
Task<void> WriteManyMain(NoEdgeTest& test) {
  Pair pair = ConnectTcp();
  EXPECT_TRUE(FailsIf(SYS_sendmsg, 0, static_cast<uint32_t>(pair.ours)));
  const std::string bytes = BytesAt(0, 10);
  const std::array parts = {AsBytes(bytes), AsBytes(bytes)};
  core::Lane lane;
  for (const uint64_t attempts : {20u, 3u, 9u, 16u}) {
    const core::Instant began_at = test.clock.Now();
    const uint64_t before = test.ops();
    const auto outcome = co_await core::Select(
        core::SocketWriteMany(pair.ours, parts, lane),
        Until([&test, before, attempts] { return test.ops() - before >= attempts; }));
    EXPECT_EQ(outcome.Get<0>().error(), ECANCELED);
    if (attempts == 20) EXPECT_GE(test.clock.Now() - began_at, 15ms) << "the worker spins";
  }
  CloseHere(pair.ours);
}
TEST_P(NoEdgeTest, AWriteOfManyPartsTriesNowAndThen) { Run(WriteManyMain(*this)); }

}  // namespace
}  // namespace sluice::contract
