// How the other end may end: FIN, FIN right behind the data, half-close, RST. Nothing that came
// before is lost, and what comes last is told, also when no task waits for it just then.

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "core/io/recv_stream.h"
#include "core/task/join.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"
#include "tests/core/support/seed.h"

namespace sluice::contract {
namespace {

constexpr uint32_t kCredit = 65536;

class PeerEndTest : public ContractTest {};
SLUICE_CONTRACT(PeerEndTest, kAll);

// A short read takes all there is, and the hang-up has been seen already: the end must be found.
Task<void> DataThenFinMain() {
  core::testing::Random random(core::testing::Seed());
  for (int i = 0; i < 300; ++i) {
    Pair pair = i % 4 == 0 ? ConnectUnix() : ConnectTcp();
    RecvStream stream(pair.ours, i % 3 == 0 ? 1 : kCredit);
    const std::string text = BytesAt(0, core::testing::Between(random, 0, 10'000));
    const bool armed_before = i % 2 == 0;
    if (armed_before) {
      SendSome(pair.peer.get(), "!");
      EXPECT_EQ((co_await Receive(stream, 1)).text, "!");
      co_await Turns(static_cast<int>(core::testing::Between(random, 0, 3)));
    }
    SendSome(pair.peer.get(), text);
    for (uint64_t n = core::testing::Between(random, 0, 3) * 30; n > 0; --n) co_await Yield();
    pair.peer.Close();
    const Received all = co_await ReceiveToEnd(stream);
    EXPECT_TRUE(all.end);
    EXPECT_EQ(all.error, 0);
    EXPECT_EQ(all.text.size(), text.size());
    EXPECT_TRUE(all.text == text);
    co_await StopAndClose(stream);
  }
}
TEST_P(PeerEndTest, DataThenFin) { Run(DataThenFinMain()); }

Task<int> CloseAfter(Fd& peer, int turns) {
  co_await Turns(turns);
  peer.Close();
  co_return 0;
}
Task<void> WaitingMain() {
  for (int i = 0; i < 30; ++i) {
    Pair pair = i % 2 == 0 ? ConnectUnix() : ConnectTcp();
    RecvStream stream(pair.ours, kCredit);
    auto [received, zero] = co_await core::Join(ReceiveToEnd(stream), CloseAfter(pair.peer, 3));
    (void)zero;
    EXPECT_TRUE(received.end);
    EXPECT_EQ(received.text, "");
    co_await StopAndClose(stream);
  }
}
TEST_P(PeerEndTest, FinWhileWaiting) { Run(WaitingMain()); }

// The peer has finished sending and still receives all that we send.
Task<void> HalfCloseMain() {
  const std::string text = BytesAt(0, 3 << 20);
  Pair pair = ConnectTcp();
  RecvStream stream(pair.ours, kCredit);
  SendSome(pair.peer.get(), "request");
  shutdown(pair.peer.get(), SHUT_WR);
  const Received request = co_await ReceiveToEnd(stream);
  EXPECT_EQ(request.text, "request");
  EXPECT_TRUE(request.end);
  auto [error, reply] =
      co_await core::Join(SendAll(pair.ours, text), PeerReceives(pair.peer.get(), text.size()));
  EXPECT_EQ(error, 0);
  EXPECT_TRUE(reply == text);
  co_await StopAndClose(stream);
  co_await UntilEnd(pair.peer.get());
}
TEST_P(PeerEndTest, HalfClose) { Run(HalfCloseMain()); }

Task<int> ResetAfter(Fd& peer, int turns) {
  co_await Turns(turns);
  Reset(peer);
  co_return 0;
}
Task<void> ResetWaitingMain() {
  for (int i = 0; i < 20; ++i) {
    Pair pair = ConnectTcp();
    RecvStream stream(pair.ours, kCredit);
    auto [received, zero] = co_await core::Join(ReceiveToEnd(stream), ResetAfter(pair.peer, 3));
    (void)zero;
    EXPECT_EQ(received.error, ECONNRESET);
    co_await StopAndClose(stream);
  }
}
TEST_P(PeerEndTest, ResetWhileWaiting) { Run(ResetWaitingMain()); }

// Bytes that were received before the reset are delivered first; then the error is told, whenever
// a task asks: here the reader is busy elsewhere while both arrive.
Task<void> ResetLaterMain() {
  for (int i = 0; i < 20; ++i) {
    Pair pair = ConnectTcp();
    RecvStream stream(pair.ours, kCredit);
    SendSome(pair.peer.get(), "one");
    EXPECT_EQ((co_await Receive(stream, 3)).text, "one");
    SendSome(pair.peer.get(), "two");
    co_await Turns(2);
    Reset(pair.peer);
    co_await Turns(3);
    Received rest = co_await ReceiveToEnd(stream);
    // The kernel may throw away unread bytes when a reset comes; what it gave us it gave in order.
    EXPECT_TRUE(rest.text == "two" || rest.text.empty()) << rest.text;
    EXPECT_EQ(rest.error, ECONNRESET);
    EXPECT_FALSE(rest.end);
    co_await StopAndClose(stream);
  }
}
TEST_P(PeerEndTest, ResetWhileNobodyWaits) { Run(ResetLaterMain()); }

Task<void> SendMain() {
  const std::string text(1 << 20, 'x');
  Pair pair = ConnectTcp();
  pair.peer.Close();
  int error = 0;
  for (int i = 0; i < 100 && error == 0; ++i) error = co_await SendAll(pair.ours, text);
  EXPECT_TRUE(error == EPIPE || error == ECONNRESET) << error;
  CloseHere(pair.ours);
}
TEST_P(PeerEndTest, SendToOneThatIsGone) { Run(SendMain()); }

// A blocked send hears of the reset.
Task<void> BlockedSendMain() {
  Pair pair = ConnectTcp();
  auto [error, zero] = co_await core::Join(SendAll(pair.ours, std::string(64 << 20, 'x')),
                                           ResetAfter(pair.peer, 20));
  (void)zero;
  EXPECT_TRUE(error == EPIPE || error == ECONNRESET) << error;
  CloseHere(pair.ours);
}
TEST_P(PeerEndTest, ResetWhileASendIsBlocked) { Run(BlockedSendMain()); }

// Takes everything until the stream is over; the recv begins again by itself.
Task<std::string> TakeAll(core::RecvOp& op, core::Runnable& task) {
  std::string text;
  for (;;) {
    co_await Until([&op] { return op.has_buffer() || !op.in_flight; });
    if (op.has_buffer()) {
      text += TextOf(op.TakeBuffer());
    } else if (op.result == core::kCreditUsed) {
      (void)core::SubmitHere(op, task);
    } else {
      co_return text;
    }
  }
}

// The last bytes, a buffer or a few, and right behind them the end or a reset: all is there when a
// recv begins whose forerunner had emptied the socket. Nothing will ever be heard of it again.
Task<void> EndBehindBytesMain(Pair (*connect_pair)(), bool reset) {
  const core::Context context = co_await core::CurrentContext();
  for (size_t i = 0; i < 40; ++i) {
    Pair pair = connect_pair();
    core::RecvOp op(pair.ours);
    const std::string words = BytesAt(0, 1 + i * 512);
    SendSome(pair.peer.get(), words.substr(0, 1));
    op.credit = 1;
    (void)core::SubmitHere(op, *context.task);
    co_await Until([&op] { return !op.in_flight; });
    SendSome(pair.peer.get(), words.substr(1));
    reset ? Reset(pair.peer) : (void)shutdown(pair.peer.get(), SHUT_WR);
    op.credit = 1 << 16;
    const std::string text = co_await TakeAll(op, *context.task);
    EXPECT_TRUE(text == words) << text.size() << " of " << words.size();
    EXPECT_EQ(op.result, reset ? -ECONNRESET : 0);
    CloseHere(pair.ours);
  }
}
TEST_P(PeerEndTest, EndBehindBytesOnTcp) { Run(EndBehindBytesMain(&ConnectTcp, /*reset=*/false)); }
TEST_P(PeerEndTest, EndBehindBytesOnUnix) {
  Run(EndBehindBytesMain(&ConnectUnix, /*reset=*/false));
}
TEST_P(PeerEndTest, ResetBehindBytes) { Run(EndBehindBytesMain(&ConnectTcp, /*reset=*/true)); }

}  // namespace
}  // namespace sluice::contract
