// R2: an op that is cancelled completes once, in whatever state it was, and from whatever worker;
// what it has brought is not lost. Every case submits, goes to the other worker if there are two,
// and cancels there.

#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <string>

#include "core/io/recv_stream.h"
#include "core/reactor/op.h"
#include "core/task/join.h"
#include "tests/contract/contract.h"
#include "tests/contract/move.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"
#include "tests/core/support/seed.h"

namespace sluice::contract {
namespace {

using core::Op;
using core::OpKind;
using core::RecvOp;
using core::SingleShotOp;
using core::Worker;

constexpr uint32_t kCredit = 1 << 16;

class CancelTest : public ContractTest {
 public:
  // Where the op is submitted and where it is cancelled.
  Worker& first() { return *worker(0); }
  Worker& other() { return *worker(workers() - 1); }

  Task<void> Begin(Op& op) {
    const core::Context context = co_await core::CurrentContext();
    co_await MoveTo(first());
    EXPECT_FALSE(core::SubmitHere(op, *context.task));
  }
  // Begins a recv that finds nothing yet and lets the kernel have it.
  Task<void> BeginRecv(RecvOp& op) {
    op.credit = kCredit;
    co_await Begin(op);
    co_await Turns(3);
    EXPECT_TRUE(op.in_flight);
  }
  static Task<void> End(Op& op) {
    co_await Until([&op] { return !op.in_flight; });
  }
  // What the op has brought and what is still in the socket.
  Task<std::string> Rest(RecvOp& op, size_t count) {
    std::string text;
    while (op.has_buffer()) text += TextOf(op.TakeBuffer());
    if (text.size() < count) {
      RecvStream stream(op.fd, kCredit);
      text += (co_await Receive(stream, count - text.size())).text;
      co_await stream.Stop();
    }
    co_return text;
  }
};
SLUICE_CONTRACT(CancelTest, kAll);

Task<void> AtOnceMain(CancelTest& test) {
  Pair pair = ConnectTcp();
  RecvOp op(pair.ours);
  op.credit = kCredit;
  co_await test.Begin(op);
  op.Cancel();
  co_await CancelTest::End(op);
  EXPECT_EQ(op.result, -ECANCELED);
  CloseHere(pair.ours);
}
TEST_P(CancelTest, RecvJustSubmitted) { Run(AtOnceMain(*this)); }

Task<void> BeforeDataMain(CancelTest& test) {
  Pair pair = ConnectTcp();
  RecvOp op(pair.ours);
  for (int i = 0; i < 20; ++i) {
    co_await test.BeginRecv(op);
    co_await MoveTo(test.other());
    op.Cancel();
    op.Cancel();
    co_await CancelTest::End(op);
    EXPECT_EQ(op.result, -ECANCELED);
    EXPECT_FALSE(op.has_buffer());
    SendSome(pair.peer.get(), "alive");  // the descriptor is as good as before
    EXPECT_EQ(co_await test.Rest(op, 5), "alive");
  }
  CloseHere(pair.ours);
}
TEST_P(CancelTest, RecvBeforeData) { Run(BeforeDataMain(*this)); }

Task<void> NotReapedMain(CancelTest& test) {
  Pair pair = ConnectTcp();
  RecvOp op(pair.ours);
  for (int i = 0; i < 50; ++i) {
    co_await test.BeginRecv(op);
    co_await MoveTo(test.other());
    SendSome(pair.peer.get(), "precious");
    op.Cancel();
    co_await CancelTest::End(op);
    EXPECT_EQ(co_await test.Rest(op, 8), "precious");
  }
  CloseHere(pair.ours);
}
TEST_P(CancelTest, RecvWithDataNotReaped) { Run(NotReapedMain(*this)); }

// Waits for its own op and then cancels the other one.
struct WaitFor {
  bool await_ready() const { return !op.in_flight; }
  void await_suspend(std::coroutine_handle<> self) { op.waiter = self; }
  void await_resume() const {}
  Op& op;
};
Task<void> WaitAndCancel(RecvOp& mine, RecvOp& other) {
  while (mine.in_flight && !mine.has_buffer()) co_await WaitFor{mine};
  other.Cancel();
  while (mine.in_flight) co_await WaitFor{mine};
}

// Both have data when the reactor looks, so both completions are posted before the task runs: the
// first to be handled cancels the second.
Task<void> PostedMain(CancelTest& test) {
  Pair one = ConnectTcp();
  Pair two = ConnectTcp();
  RecvOp first(one.ours);
  RecvOp second(two.ours);
  for (int i = 0; i < 50; ++i) {
    co_await test.BeginRecv(first);
    co_await test.BeginRecv(second);
    SendSome(one.peer.get(), "one");
    SendSome(two.peer.get(), "two");
    co_await core::Join(WaitAndCancel(first, second), WaitAndCancel(second, first));
    EXPECT_EQ(co_await test.Rest(first, 3), "one");
    EXPECT_EQ(co_await test.Rest(second, 3), "two");
  }
  CloseHere(one.ours);
  CloseHere(two.ours);
}
TEST_P(CancelTest, RecvWhoseCompletionIsPosted) { Run(PostedMain(*this)); }

// No task wants what a draining recv still brings: it is given back (TearDown counts the leases).
Task<void> WaitAndDrain(RecvOp& mine, RecvOp& other) {
  while (mine.in_flight && !mine.has_buffer()) co_await WaitFor{mine};
  other.StartDraining();
  other.Cancel();
  mine.Cancel();
  while (mine.in_flight) co_await WaitFor{mine};
}
Task<void> DrainMain(CancelTest& test) {
  for (int i = 0; i < 20; ++i) {
    Pair one = ConnectTcp();
    Pair two = ConnectTcp();
    RecvOp first(one.ours);
    RecvOp second(two.ours);
    co_await test.BeginRecv(first);
    co_await test.BeginRecv(second);
    SendSome(one.peer.get(), "one");
    SendSome(two.peer.get(), "two");
    co_await WaitAndDrain(first, second);
    co_await CancelTest::End(second);
    EXPECT_FALSE(second.has_buffer());
    while (second.has_buffer()) second.TakeBuffer().Return();
    EXPECT_EQ(co_await test.Rest(first, 3), "one");
    CloseHere(one.ours);
    CloseHere(two.ours);
  }
}
TEST_P(CancelTest, RecvThatDrains) { Run(DrainMain(*this)); }

Task<void> ManyMomentsMain(CancelTest& test) {
  core::testing::Random random(core::testing::Seed());
  Pair pair = ConnectTcp();
  RecvOp op(pair.ours);
  size_t position = 0;
  for (int i = 0; i < 300; ++i) {
    op.credit = kCredit;
    co_await test.Begin(op);
    const std::string piece = BytesAt(position, core::testing::Between(random, 1, 20'000));
    const uint64_t before = core::testing::Between(random, 0, 70);
    const uint64_t after = core::testing::Between(random, 0, 70);
    for (uint64_t yields = before; yields > 0; --yields) co_await Yield();
    SendSome(pair.peer.get(), piece);
    if (i % 3 == 0) co_await MoveTo(test.other());
    for (uint64_t yields = after; yields > 0; --yields) co_await Yield();
    op.Cancel();
    co_await CancelTest::End(op);
    EXPECT_TRUE(co_await test.Rest(op, piece.size()) == piece) << "round " << i;
    position += piece.size();
  }
  CloseHere(pair.ours);
}
TEST_P(CancelTest, RecvAtManyMoments) { Run(ManyMomentsMain(*this)); }

Task<void> StarvedMain(CancelTest& test) {
  co_await MoveTo(test.first());
  Pair holder = ConnectTcp();
  Pair pair = ConnectTcp();
  RecvStream stream(holder.ours, 1);
  SendSome(holder.peer.get(), "x");
  IoResult<core::BufferLease> only = co_await stream.Next();
  EXPECT_TRUE(only.ok());
  for (int i = 0; i < 10; ++i) {
    SendSome(pair.peer.get(), "wait");
    RecvOp op(pair.ours);
    op.credit = kCredit;
    const uint64_t starved = test.first().reactor().counters().starved.load();
    co_await test.Begin(op);
    co_await Until([&] { return test.first().reactor().counters().starved.load() > starved; });
    co_await Turns(3);
    EXPECT_TRUE(op.in_flight);
    co_await MoveTo(test.other());
    op.Cancel();
    co_await CancelTest::End(op);
    EXPECT_EQ(op.result, -ECANCELED);
    EXPECT_EQ(ReceiveSome(pair.ours), "wait");
  }
  only->Return();
  co_await MoveTo(test.first());
  SendSome(pair.peer.get(), "again");
  RecvOp op(pair.ours);
  EXPECT_EQ(co_await test.Rest(op, 5), "again");
  co_await StopAndClose(stream);
  CloseHere(pair.ours);
}
TEST_P(CancelTest, RecvThatWaitsForABuffer) {
  options.buffers = 1;
  Run(StarvedMain(*this));
}

Task<void> PollMain(CancelTest& test) {
  Pair pair = ConnectTcp();
  SingleShotOp op(OpKind::kPoll, pair.ours);
  for (int i = 0; i < 20; ++i) {
    op.events = POLLIN;
    co_await test.Begin(op);
    if (i % 2 == 0) co_await Turns(3);
    co_await MoveTo(test.other());
    op.Cancel();
    co_await CancelTest::End(op);
    EXPECT_EQ(op.result, -ECANCELED);
  }
  CloseHere(pair.ours);
}
TEST_P(CancelTest, Poll) { Run(PollMain(*this)); }

// Sends until the socket is full. Returns how many bytes.
size_t FillSocket(int fd) {
  size_t filled = 0;
  const std::string junk = BytesAt(0, 1 << 16);
  for (;;) {
    const size_t sent = SendSome(fd, junk);
    filled += sent;
    if (sent == 0) return filled;
  }
}

Task<void> SendMain(CancelTest& test) {
  for (int i = 0; i < 4; ++i) {
    Pair pair = ConnectTcp();
    SetBufferSizes(pair.ours, 8192);
    SetBufferSizes(pair.peer.get(), 8192);
    const size_t filled = FillSocket(pair.ours);
    const std::string text = BytesAt(0, 1 << 20);
    SingleShotOp op(OpKind::kSend, pair.ours);
    op.data = text.data();
    op.size = static_cast<uint32_t>(text.size());
    co_await test.Begin(op);
    co_await Turns(3);
    EXPECT_TRUE(op.in_flight);
    co_await MoveTo(test.other());
    size_t received = i % 2 == 0 ? ReceiveSome(pair.peer.get()).size() : 0;  // perhaps it wins
    op.Cancel();
    co_await CancelTest::End(op);
    const size_t sent = op.result > 0 ? static_cast<size_t>(op.result) : 0;
    if (sent == 0) EXPECT_EQ(op.result, -ECANCELED);
    // Exactly what was reported has gone out.
    (void)core::SocketApi().ShutdownWrite(pair.ours);
    CloseHere(pair.ours);
    bool end = false;
    co_await Until([&] {
      char chunk[4096];
      const ssize_t bytes = recv(pair.peer.get(), chunk, sizeof(chunk), MSG_DONTWAIT);
      end = bytes == 0;
      received += bytes > 0 ? static_cast<size_t>(bytes) : 0;
      return end;
    });
    EXPECT_EQ(received, filled + sent);
  }
}
TEST_P(CancelTest, SendThatBlocks) { Run(SendMain(*this)); }

// A listening socket whose accept queue is full: further connects are left waiting.
class FullListener {
 public:
  FullListener() : listener_(ListenPlain(/*backlog=*/0)), address_(AddressOf(listener_.get())) {
    // Some more connects than the queue takes: those beyond it never get an answer.
    for (Fd& guest : guests_) {
      guest = Fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      (void)!connect(guest.get(), address_.get(), address_.size());
    }
  }
  const core::Address& address() const { return address_; }

 private:
  Fd listener_;
  core::Address address_;
  std::array<Fd, 4> guests_;
};

Task<void> ConnectMain(CancelTest& test) {
  const FullListener listener;
  for (int i = 0; i < 10; ++i) {
    IoResult<int> fd = Worker::Current()->reactor().OpenSocket(AF_INET);
    SingleShotOp op(OpKind::kConnect, *fd);
    op.data = listener.address().get();
    op.size = listener.address().size();
    co_await test.Begin(op);
    if (i % 2 == 0) co_await Turns(3);
    EXPECT_TRUE(op.in_flight);
    co_await MoveTo(test.other());
    op.Cancel();
    co_await CancelTest::End(op);
    EXPECT_EQ(op.result, -ECANCELED);
    CloseHere(*fd);
  }
}
TEST_P(CancelTest, ConnectInProgress) { Run(ConnectMain(*this)); }

}  // namespace
}  // namespace sluice::contract
