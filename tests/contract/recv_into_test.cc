// Receives into the caller's memory: bytes, ends and errors as they come, whenever one is
// cancelled, on whatever worker.

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "core/io/op_wait.h"
#include "core/io/poll.h"
#include "core/reactor/op.h"
#include "core/task/join.h"
#include "tests/contract/contract.h"
#include "tests/contract/move.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"
#include "tests/core/support/seed.h"

namespace sluice::contract {
namespace {

using core::OpKind;
using core::SingleShotOp;

class RecvIntoTest : public ContractTest {
 public:
  core::Worker& first() { return *worker(0); }
  core::Worker& other() { return *worker(workers() - 1); }
};
SLUICE_CONTRACT(RecvIntoTest, kAll);

// What one receive has brought, and whether it has left nothing behind.
struct Got {
  int32_t result = 0;
  bool drained = false;
  std::string text;
};

// Submits an op into room for `size` bytes; if it waits, cancels it after `turns` (none: never).
Task<Got> ReceiveInto(int fd, size_t size, bool drained, int turns, core::Worker& canceller) {
  const core::Context context = co_await core::CurrentContext();
  Got got{.text = std::string(size, '!')};
  SingleShotOp op(OpKind::kRecvInto, fd);
  op.data = got.text.data();
  op.size = static_cast<uint32_t>(size);
  op.drained = drained;
  if (!core::SubmitHere(op, *context.task)) {
    if (turns >= 0) {
      co_await Turns(turns);
      co_await MoveTo(canceller);
      op.Cancel();
    }
    co_await Until([&op] { return !op.in_flight; });
  }
  got.result = op.result;
  got.drained = op.drained;
  if (op.result <= 0) EXPECT_EQ(got.text, std::string(size, '!'));
  got.text.resize(static_cast<size_t>(std::max(op.result, 0)));
  co_return got;
}

// Every byte comes once, in its order; then the end, and the end again.
Task<void> CancelMain(RecvIntoTest& test, bool tcp) {
  Pair pair = tcp ? ConnectTcp() : ConnectUnix();
  core::testing::Random random(core::testing::Seed());
  size_t sent = 0;
  size_t position = 0;
  int cancelled = 0;
  bool drained = false;
  for (int i = 0; i < 600; ++i) {
    if (i % 2 == 0) {
      sent += SendSome(pair.peer.get(), BytesAt(sent, core::testing::Between(random, 1, 9000)));
    }
    co_await MoveTo(i % 3 == 0 ? test.other() : test.first());
    const Got got = co_await ReceiveInto(pair.ours, core::testing::Between(random, 1, 9000),
                                         drained, i % 4, i % 5 == 0 ? test.other() : test.first());
    EXPECT_TRUE(got.result > 0 || got.result == -ECANCELED) << got.result;
    EXPECT_TRUE(got.text == BytesAt(position, got.text.size())) << "near byte " << position;
    position += got.text.size();
    drained = got.drained;
    cancelled += got.result == -ECANCELED ? 1 : 0;
    if (::testing::Test::HasFailure()) break;
  }
  EXPECT_GT(cancelled, 0);
  pair.peer.Close();
  while (position < sent && !::testing::Test::HasFailure()) {
    const Got got = co_await ReceiveInto(pair.ours, 5000, drained, -1, test.first());
    EXPECT_GT(got.result, 0);
    EXPECT_TRUE(got.text == BytesAt(position, got.text.size())) << "near byte " << position;
    position += got.text.size();
    drained = got.drained;
  }
  for (const bool waits_first : {true, false, true}) {
    EXPECT_EQ((co_await ReceiveInto(pair.ours, 10, waits_first, -1, test.first())).result, 0);
  }
  CloseHere(pair.ours);
}
TEST_P(RecvIntoTest, OneThatIsCancelledLosesNothingOfTcp) { Run(CancelMain(*this, /*tcp=*/true)); }
TEST_P(RecvIntoTest, OneThatIsCancelledLosesNothingOfUnix) {
  Run(CancelMain(*this, /*tcp=*/false));
}

// The end that comes right behind the last bytes is told of, though they did not fill the room.
Task<void> EndMain(RecvIntoTest& test) {
  for (int i = 0; i < 100; ++i) {
    Pair pair = i % 2 == 0 ? ConnectTcp() : ConnectUnix();
    if (i % 3 != 0) {
      SendSome(pair.peer.get(), "last");
      if (i % 3 == 1) pair.peer.Close();
      const Got got = co_await ReceiveInto(pair.ours, 100, i % 5 == 0, -1, test.first());
      EXPECT_EQ(got.text, "last");
      co_await Turns(i % 4);
      pair.peer.Close();
      EXPECT_EQ((co_await ReceiveInto(pair.ours, 100, got.drained, -1, test.first())).result, 0);
    } else {
      Reset(pair.peer);
      const Got got = co_await ReceiveInto(pair.ours, 100, i % 5 == 0, -1, test.first());
      EXPECT_EQ(got.result, i % 2 == 0 ? -ECONNRESET : 0);  // a UNIX socket has no reset
    }
    CloseHere(pair.ours);
  }
}
TEST_P(RecvIntoTest, TheEndBehindTheLastBytes) { Run(EndMain(*this)); }

// Datagrams end a read, though more of them are there: whether the socket has been waited on or not
// (three came with one edge then), and by either kind of receive.
Task<int> PollFor(int fd) {
  IoResult<uint32_t> ready = co_await core::Poll(fd, POLLIN);
  co_return ready.ok() ? static_cast<int>(*ready) : -ready.error();
}
Task<int> SendThree(const Fd& peer) {
  co_await Turns(3);
  for (const char* text : {"one", "two", "six"}) EXPECT_EQ(send(peer.get(), text, 3, 0), 3);
  co_return 0;
}
Task<void> DatagramsMain(RecvIntoTest& test, int family, bool waited) {
  const Fd peer(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int ours = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const core::Address any = family == AF_INET ? Loopback() : AbstractName();
  EXPECT_EQ(bind(ours, any.get(), any.size()), 0);
  const core::Address to = AddressOf(ours);
  EXPECT_EQ(connect(peer.get(), to.get(), to.size()), 0);
  for (int round = 0; round < 2; ++round) {
    if (waited) {
      auto [events, zero] = co_await core::Join(PollFor(ours), SendThree(peer));
      EXPECT_EQ(events + zero, POLLIN);
    } else {
      co_await SendThree(peer);
    }
    bool drained = false;
    for (const char* text : {"one", "two", "six"}) {
      const Got got = co_await ReceiveInto(ours, 100, drained, -1, test.first());
      EXPECT_EQ(got.text, text);
      drained = got.drained;
    }
  }
  RecvStream stream(ours, 100);
  if (waited) co_await core::Join(PollFor(ours), SendThree(peer));
  if (!waited) co_await SendThree(peer);
  EXPECT_EQ((co_await Receive(stream, 9)).text, "onetwosix");
  co_await StopAndClose(stream);
}
TEST_P(RecvIntoTest, ThreeDatagrams) { Run(DatagramsMain(*this, AF_INET, /*waited=*/false)); }
TEST_P(RecvIntoTest, ThreeDatagramsWithOneEdge) {
  Run(DatagramsMain(*this, AF_INET, /*waited=*/true));
}
TEST_P(RecvIntoTest, ThreeDatagramsWithOneEdgeUnix) {
  Run(DatagramsMain(*this, AF_UNIX, /*waited=*/true));
}

}  // namespace
}  // namespace sluice::contract
