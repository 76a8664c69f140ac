// Waiting to send to a peer that has finished sending: its end, which a backend may be told of
// again and again, is not what is waited for.

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <deque>
#include <string>
#include <vector>

#include "core/io/poll.h"
#include "core/reactor/op.h"
#include "core/time/sleep.h"
#include "tests/contract/contract.h"
#include "tests/contract/move.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"
#include "tests/contract/threads.h"

namespace sluice::contract {
namespace {

using core::OpKind;
using core::SingleShotBase;
using core::SingleShotOp;

class HalfClosedTest : public ContractTest {
 public:
  core::Worker& first() { return *worker(0); }
  core::Worker& other() { return *worker(workers() - 1); }
  uint64_t completions() {
    return worker(0)->reactor().counters().completions.load(std::memory_order_relaxed);
  }
};
SLUICE_CONTRACT(HalfClosedTest, kAll);

// A pair that takes no more bytes from us, and whose other end has finished.
Pair FullAndFinished(bool tcp) {
  Pair pair = tcp ? ConnectTcp() : ConnectUnix();
  SetBufferSizes(pair.ours, 8192);
  SetBufferSizes(pair.peer.get(), 8192);
  while (SendSome(pair.ours, std::string(1 << 16, 'x')) > 0) {
  }
  shutdown(pair.peer.get(), SHUT_WR);
  return pair;
}

Task<void> PollMain(HalfClosedTest& test) {
  for (const bool tcp : {true, false}) {
    Pair pair = FullAndFinished(tcp);
    SingleShotOp op(OpKind::kPoll, pair.ours);
    op.events = POLLOUT;
    op.result = POLLOUT;  // of an earlier time
    const core::Context context = co_await core::CurrentContext();
    co_await MoveTo(test.first());
    EXPECT_FALSE(core::SubmitHere(op, *context.task));
    co_await Turns(3);
    const uint64_t before = test.completions();
    co_await core::Sleep(20ms);  // a longer one could only bring more of them
    EXPECT_LT(test.completions() - before, 50u) << "the worker spins";
    EXPECT_TRUE(op.in_flight);
    co_await Until([&] {
      ReceiveSome(pair.peer.get());
      return !op.in_flight;
    });
    EXPECT_NE(op.result & POLLOUT, 0);
    CloseHere(pair.ours);
  }
}
TEST_P(HalfClosedTest, APollForWritingWaits) { Run(PollMain(*this)); }

// Begins `op`, gives the kernel time to do with it what it may, and cancels it.
Task<void> CancelLate(HalfClosedTest& test, SingleShotBase& op) {
  const core::Context context = co_await core::CurrentContext();
  co_await MoveTo(test.first());
  EXPECT_FALSE(core::SubmitHere(op, *context.task));
  for (int i = 0; i < 10; ++i) {
    co_await core::Sleep(1ms);
    co_await Turns(20);
  }
  EXPECT_TRUE(op.in_flight);
  co_await MoveTo(test.other());
  op.Cancel();
  co_await Until([&op] { return !op.in_flight; });
  EXPECT_EQ(op.result, -ECANCELED) << op.result;
}

Task<void> CancelMain(HalfClosedTest& test) {
  std::string text(30'000, 'y');
  iovec part = {.iov_base = text.data(), .iov_len = text.size()};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  for (const bool tcp : {true, false}) {
    Pair pair = FullAndFinished(tcp);
    SingleShotOp send(OpKind::kSend, pair.ours);
    send.data = text.data();
    send.size = static_cast<uint32_t>(text.size());
    co_await CancelLate(test, send);
    core::FileOp write(OpKind::kWrite, pair.ours);
    write.data = text.data();
    write.size = static_cast<uint32_t>(text.size());
    co_await CancelLate(test, write);
    SingleShotOp send_message(OpKind::kSendMessage, pair.ours);
    send_message.data = &message;
    co_await CancelLate(test, send_message);
    CloseHere(pair.ours);
  }
}
TEST_P(HalfClosedTest, ACancelledSendSaysSo) { Run(CancelMain(*this)); }

// However many peers have finished and take nothing: no thread waits for them, whatever sends.
Task<void> ThreadsMain(HalfClosedTest& test) {
  co_await MoveTo(test.first());
  const core::Context context = co_await core::CurrentContext();
  for (const size_t size : {size_t{100}, size_t{30'000}}) {
    std::string text(size, 'y');
    iovec part = {.iov_base = text.data(), .iov_len = text.size()};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    const size_t before = ThreadCount();
    std::vector<Pair> pairs;
    std::deque<SingleShotOp> sends;
    std::deque<core::FileOp> writes;
    std::vector<SingleShotBase*> ops;
    for (int i = 0; i < 8; ++i) {
      for (const OpKind kind : {OpKind::kSend, OpKind::kSendMessage, OpKind::kWrite}) {
        const int fd = pairs.emplace_back(FullAndFinished(i % 2 == 0)).ours;
        SingleShotBase* op = nullptr;
        if (kind == OpKind::kWrite) {
          op = &writes.emplace_back(kind, fd);
        } else {
          op = &sends.emplace_back(kind, fd);
        }
        op->data = kind == OpKind::kSendMessage ? static_cast<void*>(&message) : text.data();
        op->size = static_cast<uint32_t>(size);
        EXPECT_FALSE(core::SubmitHere(*op, *context.task));
        ops.push_back(op);
      }
    }
    for (int i = 0; i < 10; ++i) {  // the kernel does with them what it may
      co_await core::Sleep(1ms);
      co_await Turns(20);
    }
    EXPECT_LE(ThreadCount(), before);
    for (const SingleShotBase* op : ops) EXPECT_TRUE(op->in_flight);
    co_await Until([&] {  // all at once: the longer one waits the rarer TCP asks
      for (Pair& pair : pairs) ReceiveSome(pair.peer.get(), 1 << 16);
      return std::ranges::none_of(ops, [](const SingleShotBase* op) { return op->in_flight; });
    });
    for (const SingleShotBase* op : ops) {
      EXPECT_GT(op->result, 0);
      CloseHere(op->fd);
    }
  }
}
TEST_P(HalfClosedTest, SendsThatWaitTakeNoThreads) { Run(ThreadsMain(*this)); }

}  // namespace
}  // namespace sluice::contract
