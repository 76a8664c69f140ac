// An urgent byte whose sequence number lies beyond what has been received: the kernel tells of
// urgent data, and there is nothing to read until the gap is filled, which may be never. Reads wait
// for that as for anything else, without a thread of the kernel for each.

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <deque>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/io/recv_stream.h"
#include "core/reactor/op.h"
#include "core/reactor/recv_op.h"
#include "core/time/sleep.h"
#include "iouring/probe.h"
#include "tests/contract/contract.h"
#include "tests/contract/move.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"
#include "tests/contract/threads.h"

namespace sluice::contract {
namespace {

using core::OpKind;
using core::SingleShotOp;

class UrgentGapTest : public ContractTest {
 public:
  core::Worker& first() { return *worker(0); }
  using ContractTest::clock;
};
SLUICE_CONTRACT(UrgentGapTest, kAll);

bool MayRepair() {
  const Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  return setsockopt(fd.get(), SOL_TCP, TCP_REPAIR, &on, sizeof(on)) == 0;
}

void Set(int fd, int option, int value) {
  EXPECT_EQ(setsockopt(fd, SOL_TCP, option, &value, sizeof(value)), 0) << option << " " << errno;
}
uint32_t SequenceOf(int fd, int queue) {
  Set(fd, TCP_REPAIR_QUEUE, queue);
  uint32_t sequence = 0;
  socklen_t size = sizeof(sequence);
  EXPECT_EQ(getsockopt(fd, SOL_TCP, TCP_QUEUE_SEQ, &sequence, &size), 0);
  return sequence;
}

// The same connection as if `peer` had sent so many bytes more, which are lost and do not come
// again; or as if it had not sent the last ones.
void Skip(Fd& peer, int ours, int bytes) {
  const core::Address here = AddressOf(peer.get());
  const core::Address there = AddressOf(ours);
  Set(peer.get(), TCP_REPAIR, TCP_REPAIR_ON);
  const uint32_t sent = SequenceOf(peer.get(), TCP_SEND_QUEUE);
  const uint32_t received = SequenceOf(peer.get(), TCP_RECV_QUEUE);
  tcp_repair_window window = {};
  socklen_t size = sizeof(window);
  EXPECT_EQ(getsockopt(peer.get(), SOL_TCP, TCP_REPAIR_WINDOW, &window, &size), 0);
  peer.Close();  // says nothing to the other end
  peer = Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  Set(peer.get(), TCP_REPAIR, TCP_REPAIR_ON);
  EXPECT_EQ(bind(peer.get(), here.get(), here.size()), 0) << errno;
  Set(peer.get(), TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
  Set(peer.get(), TCP_QUEUE_SEQ, static_cast<int>(sent + static_cast<uint32_t>(bytes)));
  Set(peer.get(), TCP_REPAIR_QUEUE, TCP_RECV_QUEUE);
  Set(peer.get(), TCP_QUEUE_SEQ, static_cast<int>(received));
  EXPECT_EQ(connect(peer.get(), there.get(), there.size()), 0) << errno;
  EXPECT_EQ(setsockopt(peer.get(), SOL_TCP, TCP_REPAIR_WINDOW, &window, sizeof(window)), 0);
  Set(peer.get(), TCP_REPAIR, TCP_REPAIR_OFF_NO_WP);
}

Pair BehindAGap() {
  Pair pair = ConnectTcp();
  Skip(pair.peer, pair.ours, 1);
  EXPECT_EQ(send(pair.peer.get(), "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
  return pair;
}

constexpr int kPeers = 8;

// The kernel does with what is in flight what it may; then all is cancelled.
template <typename Ops>
Task<void> ExpectTheyWait(Ops& ops, size_t threads) {
  for (int i = 0; i < 10; ++i) {
    co_await core::Sleep(1ms);
    co_await Turns(20);
  }
  EXPECT_LE(ThreadCount(), threads);
  for (auto& op : ops) {
    EXPECT_TRUE(op.in_flight);
    op.Cancel();
    co_await Until([&op] { return !op.in_flight; });
    EXPECT_EQ(op.result, -ECANCELED);
  }
}

Task<void> IntoMemoryMain(UrgentGapTest& test, OpKind kind) {
  co_await MoveTo(test.first());
  const core::Context context = co_await core::CurrentContext();
  for (const bool drained : {false, true}) {
    const size_t threads = ThreadCount();
    std::string room(10'000, '\0');
    iovec part = {.iov_base = room.data(), .iov_len = room.size()};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    std::vector<Pair> pairs;
    std::deque<SingleShotOp> ops;
    for (int i = 0; i < kPeers; ++i) {
      pairs.push_back(BehindAGap());
      SingleShotOp& op = ops.emplace_back(kind, pairs.back().ours);
      if (kind == OpKind::kRecvInto) {
        op.data = room.data();
        op.size = static_cast<uint32_t>(room.size());
        op.drained = drained;
      } else {
        op.data = &message;
      }
      EXPECT_FALSE(core::SubmitHere(op, *context.task));
    }
    co_await ExpectTheyWait(ops, threads);
    for (Pair& pair : pairs) CloseHere(pair.ours);
  }
}
TEST_P(UrgentGapTest, ReceivesIntoMemoryTakeNoThreads) {
  if (!MayRepair()) GTEST_SKIP() << "needs CAP_NET_ADMIN";
  if (GetParam().backend != Backend::kEpoll) GTEST_SKIP() << "the kernel itself waits here";
  Run(IntoMemoryMain(*this, OpKind::kRecvInto));
}
TEST_P(UrgentGapTest, ReceivesOfMessagesTakeNoThreads) {
  if (!MayRepair()) GTEST_SKIP() << "needs CAP_NET_ADMIN";
  Run(IntoMemoryMain(*this, OpKind::kRecvMessage));
}

Task<void> IntoBuffersMain(UrgentGapTest& test) {
  co_await MoveTo(test.first());
  const core::Context context = co_await core::CurrentContext();
  const size_t threads = ThreadCount();
  std::vector<Pair> pairs;
  std::deque<core::RecvOp> ops;
  for (int i = 0; i < kPeers; ++i) {
    pairs.push_back(BehindAGap());
    core::RecvOp& op = ops.emplace_back(pairs.back().ours);
    op.credit = 10'000;
    EXPECT_FALSE(core::SubmitHere(op, *context.task));
  }
  co_await ExpectTheyWait(ops, threads);
  for (Pair& pair : pairs) CloseHere(pair.ours);
}
// Without a credit for multishot recv (before Linux 6.17) they may: iouring::Ring bounds them.
bool HasCredit(Backend backend) {
  if (backend != Backend::kUring) return backend == Backend::kEpoll;
  const absl::StatusOr<iouring::Features> features = iouring::Probe();
  return features.ok() && features->recv_credit;
}
TEST_P(UrgentGapTest, ReceivesIntoBuffersTakeNoThreads) {
  if (!MayRepair()) GTEST_SKIP() << "needs CAP_NET_ADMIN";
  if (!HasCredit(GetParam().backend)) GTEST_SKIP() << "the kernel itself waits here";
  Run(IntoBuffersMain(*this));
}

// The memory of a buffer that the reactor has lent the kernel is not given up when a thread of the
// kernel has filled it, which the worker does not know yet.
Task<void> TrimMain(UrgentGapTest& test) {
  co_await MoveTo(test.first());
  const core::Context context = co_await core::CurrentContext();
  const size_t threads = ThreadCount();
  Pair pair = BehindAGap();
  core::RecvOp op(pair.ours);
  op.credit = 1;
  EXPECT_FALSE(core::SubmitHere(op, *context.task));
  for (int i = 0; i < 50 && ThreadCount() == threads; ++i) co_await Turns(20);
  const bool by_thread = ThreadCount() > threads;
  co_await MoveTo(test.first());
  // From here to Trim the worker does nothing else. The byte is read when the urgent one behind it
  // is next.
  Skip(pair.peer, pair.ours, -2);
  EXPECT_EQ(SendSome(pair.peer.get(), "a"), 1u);
  const core::Instant limit = test.clock.Now() + 5s;
  while (by_thread && sockatmark(pair.ours) == 0 && test.clock.Now() < limit) {
  }
  test.first().reactor().Trim();
  co_await Until([&op] { return !op.in_flight; });
  EXPECT_TRUE(op.has_buffer()) << op.result;
  if (op.has_buffer()) EXPECT_EQ(TextOf(op.TakeBuffer()), "a");
  CloseHere(pair.ours);
}
TEST_P(UrgentGapTest, WhatAThreadOfTheKernelReceivesStays) {
  if (!MayRepair()) GTEST_SKIP() << "needs CAP_NET_ADMIN";
  Run(TrimMain(*this));
}

}  // namespace
}  // namespace sluice::contract
