// R2, R3: exactly one last completion of an op that was not done at once, none of one that was, and
// none of it inside Submit. At the level of ops, where a second one cannot hide.

#include <gtest/gtest.h>
#include <poll.h>

#include <coroutine>
#include <string>

#include "core/reactor/op.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"

namespace sluice::contract {
namespace {

using core::Op;
using core::OpKind;

// A connect, send or poll that counts.
class CountedOp final : public core::SingleShotBase {
 public:
  using SingleShotBase::SingleShotBase;
  void OnReady() override {
    EXPECT_FALSE(submitting) << "user code ran inside Submit";
    const bool before = in_flight;
    SingleShotBase::OnReady();  // epoll: perhaps only another try
    if (before && !in_flight) ++completions;
    if (!before) ++strays;
  }
  int completions = 0;
  int strays = 0;
  bool submitting = false;
};

// Something to resume that counts instead.
struct Counter {
  struct promise_type {
    int resumed = 0;
    Counter get_return_object() {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::abort(); }
  };
  ~Counter() { handle.destroy(); }
  int resumed() const { return handle.promise().resumed; }
  std::coroutine_handle<promise_type> handle;
};
struct CountOne {
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<Counter::promise_type> self) {
    ++self.promise().resumed;
  }
  void await_resume() {}
};
Counter CountForEver() {
  for (;;) co_await CountOne();
}

// Whether the op was done at once.
Task<bool> SubmitCounted(CountedOp& op) {
  const core::Context context = co_await core::CurrentContext();
  op.submitting = true;
  const bool done = core::SubmitHere(op, *context.task);
  op.submitting = false;
  co_return done;
}

// Waits until it is complete, then for completions too many.
Task<void> Settle(CountedOp& op, bool done_at_once) {
  co_await Until([&op] { return !op.in_flight; });
  co_await Turns(5);
  EXPECT_EQ(op.completions, done_at_once ? 0 : 1);
  EXPECT_EQ(op.strays, 0);
  op.completions = 0;
}

Task<void> SendMain() {
  Pair pair = ConnectTcp();
  const std::string text = "hello";
  CountedOp op(OpKind::kSend, pair.ours);
  for (int i = 0; i < 300; ++i) {
    op.data = text.data();
    op.size = static_cast<uint32_t>(text.size());
    const bool done = co_await SubmitCounted(op);
    co_await Settle(op, done);
    EXPECT_EQ(op.result, 5);
    EXPECT_EQ(co_await PeerReceives(pair.peer.get(), 5), text);
  }
  CloseHere(pair.ours);
}

Task<void> BlockedSendMain() {
  Pair pair = ConnectTcp();
  SetBufferSizes(pair.ours, 4096);
  const std::string text(512 << 10, 'x');
  CountedOp op(OpKind::kSend, pair.ours);
  size_t sent = 0;
  while (sent < text.size()) {
    op.data = text.data() + sent;
    op.size = static_cast<uint32_t>(text.size() - sent);
    const bool done = co_await SubmitCounted(op);
    co_await Until([&] {
      (void)ReceiveSome(pair.peer.get());
      return !op.in_flight;
    });
    co_await Turns(2);
    EXPECT_EQ(op.completions, done ? 0 : 1);
    EXPECT_EQ(op.strays, 0);
    op.completions = 0;
    EXPECT_GT(op.result, 0);
    if (op.result <= 0) break;
    sent += static_cast<size_t>(op.result);
  }
  CloseHere(pair.ours);
}

Task<void> PollMain() {
  Pair pair = ConnectTcp();
  CountedOp writable(OpKind::kPoll, pair.ours);
  writable.events = POLLOUT;
  co_await Settle(writable, co_await SubmitCounted(writable));  // true from the start
  EXPECT_NE(writable.result & POLLOUT, 0);

  CountedOp readable(OpKind::kPoll, pair.ours);
  for (int i = 0; i < 20; ++i) {
    readable.events = POLLIN;
    const bool done = co_await SubmitCounted(readable);
    EXPECT_FALSE(done);
    co_await Turns(3);
    EXPECT_EQ(readable.completions, 0);
    SendSome(pair.peer.get(), "x");
    co_await Settle(readable, done);
    EXPECT_NE(readable.result & POLLIN, 0);
    EXPECT_EQ(recv(pair.ours, &readable.result, 1, MSG_DONTWAIT), 1);
  }
  CloseHere(pair.ours);
}

Task<void> ConnectMain() {
  const Fd listener = ListenPlain();
  const core::Address address = AddressOf(listener.get());
  for (int i = 0; i < 20; ++i) {
    core::IoResult<int> fd = core::Worker::Current()->reactor().OpenSocket(AF_INET);
    CountedOp op(OpKind::kConnect, *fd);
    op.data = address.get();
    op.size = address.size();
    co_await Settle(op, co_await SubmitCounted(op));
    EXPECT_EQ(op.result, 0);
    const Fd accepted = AcceptPlain(listener.get());
    CloseHere(*fd);
  }
}

// A recv that has ended resumes no task any more, even if one waits.
Task<void> RecvMain() {
  const core::Context context = co_await core::CurrentContext();
  Pair pair = ConnectTcp();
  const Counter counter = CountForEver();
  core::RecvOp op(pair.ours);
  for (int i = 0; i < 20; ++i) {
    op.credit = 3;
    EXPECT_FALSE(core::SubmitHere(op, *context.task));
    op.waiter = counter.handle;
    SendSome(pair.peer.get(), "abc");
    co_await Until([&op] { return !op.in_flight; });
    EXPECT_EQ(counter.resumed(), i + 1);
    EXPECT_TRUE(op.has_buffer());
    EXPECT_EQ(TextOf(op.TakeBuffer()), "abc");
    op.waiter = counter.handle;  // nothing may resume it now
    co_await Turns(3);
    EXPECT_EQ(counter.resumed(), i + 1);
    EXPECT_FALSE(op.has_buffer());
    op.waiter = nullptr;
  }
  // Cancelled: one end, and nothing after it.
  op.credit = 3;
  EXPECT_FALSE(core::SubmitHere(op, *context.task));
  op.waiter = counter.handle;
  op.Cancel();
  op.Cancel();  // only the first counts
  co_await Until([&op] { return !op.in_flight; });
  EXPECT_EQ(op.result, -ECANCELED);
  op.waiter = counter.handle;
  co_await Turns(5);
  EXPECT_EQ(counter.resumed(), 21);
  CloseHere(pair.ours);
}

class CompletionTest : public ContractTest {};
SLUICE_CONTRACT(CompletionTest, kAll);

TEST_P(CompletionTest, Send) { Run(SendMain()); }
TEST_P(CompletionTest, SendThatBlocks) { Run(BlockedSendMain()); }
TEST_P(CompletionTest, PollOnce) { Run(PollMain()); }
TEST_P(CompletionTest, ConnectOnce) { Run(ConnectMain()); }
TEST_P(CompletionTest, Recv) { Run(RecvMain()); }

}  // namespace
}  // namespace sluice::contract
