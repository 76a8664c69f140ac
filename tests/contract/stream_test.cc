// RecvStream and scopes: Stop, Close, and going on after a wait was cut short.

#include <gtest/gtest.h>
#include <poll.h>

#include <cerrno>
#include <string>
#include <tuple>

#include "core/io/accept_stream.h"
#include "core/io/poll.h"
#include "core/io/recv_stream.h"
#include "core/task/select.h"
#include "tests/contract/contract.h"
#include "tests/contract/move.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"
#include "tests/core/support/seed.h"

namespace sluice::contract {
namespace {

constexpr uint32_t kCredit = 65536;

class StreamTest : public ContractTest {};
SLUICE_CONTRACT(StreamTest, kAll);

Task<int> YieldTimes(uint64_t times) {
  for (; times > 0; --times) co_await Yield();
  co_return 0;
}

// R6: stop, close, and the peer sees the end. Nothing is left behind (TearDown).
Task<void> StopMain(core::Worker& other) {
  for (int i = 0; i < 40; ++i) {
    Pair pair = i % 2 == 0 ? ConnectTcp() : ConnectUnix();
    RecvStream stream(pair.ours, kCredit);
    const auto outcome = co_await core::Select(ReceiveNext(stream), YieldTimes(i % 3 * 100));
    EXPECT_TRUE(outcome.Won<1>());
    EXPECT_EQ(outcome.Get<0>().error, ECANCELED);
    if (i % 5 == 0) co_await MoveTo(other);
    co_await StopAndClose(stream);
    co_await UntilEnd(pair.peer.get());
  }
}
TEST_P(StreamTest, StopAndClose) { Run(StopMain(*worker(workers() - 1))); }

// A wait that is cut short loses nothing and fakes no end, whatever was on its way.
Task<void> CutShortMain() {
  core::testing::Random random(core::testing::Seed());
  Pair pair = ConnectTcp();
  RecvStream stream(pair.ours, 3 * 4096);
  size_t sent = 0;
  size_t position = 0;
  int cut_short = 0;
  for (int i = 0; i < 2000; ++i) {
    if (i % 2 == 0) {
      sent += SendSome(pair.peer.get(), BytesAt(sent, core::testing::Between(random, 1, 9000)));
    }
    Received next;
    if (i % 4 < 2 || position == sent) {
      auto outcome = co_await core::Select(ReceiveNext(stream),
                                           YieldTimes(core::testing::Between(random, 0, 70)));
      next = outcome.Get<0>();
    } else {
      next = co_await ReceiveNext(stream);
    }
    EXPECT_FALSE(next.end) << "at byte " << position << " of " << sent;
    EXPECT_TRUE(next.error == 0 || next.error == ECANCELED) << next.error;
    EXPECT_TRUE(next.text == BytesAt(position, next.text.size())) << "near byte " << position;
    position += next.text.size();
    cut_short += next.error == ECANCELED ? 1 : 0;
    if (next.end || ::testing::Test::HasFailure()) break;
  }
  EXPECT_GT(cut_short, 0);
  pair.peer.Close();
  Received rest;
  do {
    rest = co_await ReceiveNext(stream);
    position += rest.text.size();
  } while (!rest.end && (rest.error == 0 || rest.error == ECANCELED));
  EXPECT_TRUE(rest.end);
  EXPECT_EQ(position, sent);
  co_await StopAndClose(stream);
}
TEST_P(StreamTest, AWaitThatIsCutShortLosesNothing) { Run(CutShortMain()); }

// More leaves what has come where it is, in as few buffers as it fits into, and tells of no end
// before it has told of all bytes.
Task<void> MoreMain() {
  constexpr size_t kBytes = 3000;
  Pair pair = ConnectUnix();  // without Nagle's algorithm
  RecvStream stream(pair.ours, kCredit);
  const std::string sent = BytesAt(0, kBytes);
  for (size_t seen = 0; seen < kBytes;) {
    // One byte at a time, then what is left at once.
    const size_t size = seen < 1000 ? 1 : kBytes - seen;
    EXPECT_EQ(SendSome(pair.peer.get(), sent.substr(seen, size)), size);
    while (seen < kBytes && co_await stream.More(seen)) {
      std::string text;
      size_t buffers = 0;
      stream.ForEach([&](const core::Buffer& buffer) {
        text.append(reinterpret_cast<const char*>(buffer.data), buffer.size);
        ++buffers;
      });
      EXPECT_GT(text.size(), seen);
      EXPECT_EQ(text, sent.substr(0, text.size()));
      EXPECT_LE(buffers, 2U);
      seen = text.size();
      if (seen <= 1000) break;
    }
  }
  pair.peer.Close();
  EXPECT_FALSE(co_await stream.More(kBytes));
  size_t taken = 0;
  for (;;) {
    IoResult<core::BufferLease> next = stream.Take();
    EXPECT_TRUE(next.ok());
    if (!next.ok() || next->empty()) break;
    taken += next->bytes().size();
  }
  EXPECT_EQ(taken, kBytes);
  co_await StopAndClose(stream);
}
TEST_P(StreamTest, MoreLeavesWhatHasCome) { Run(MoreMain()); }

// A wait for more that is cut short loses nothing either.
Task<int> WaitForMore(RecvStream& stream, size_t seen) {
  co_return co_await stream.More(seen) ? 1 : 0;
}
Task<void> MoreCutShortMain() {
  Pair pair = ConnectTcp();
  RecvStream stream(pair.ours, kCredit);
  SendSome(pair.peer.get(), "abc");
  EXPECT_TRUE(co_await stream.More(0));
  const auto outcome = co_await core::Select(WaitForMore(stream, 3), YieldTimes(50));
  EXPECT_TRUE(outcome.Won<1>());
  EXPECT_EQ(outcome.Get<0>(), 0);
  SendSome(pair.peer.get(), "def");
  EXPECT_TRUE(co_await stream.More(3));
  while (!co_await stream.Halt()) {
  }
  std::string text;
  for (;;) {
    IoResult<core::BufferLease> next = stream.Take();
    if (!next.ok()) {
      EXPECT_EQ(next.error(), ECANCELED);
      break;
    }
    text.append(reinterpret_cast<const char*>(next->bytes().data()), next->bytes().size());
  }
  EXPECT_EQ(text, "abcdef");
  CloseHere(pair.ours);
}
TEST_P(StreamTest, MoreThatIsCutShortLosesNothing) { Run(MoreCutShortMain()); }

// Every awaitable ends in a cancelled scope, and one that begins in it ends at once.
Task<int> ErrorOfSend(int fd) { co_return co_await SendAll(fd, std::string(64 << 20, 'x')); }
Task<int> ErrorOfPoll(int fd) {
  IoResult<uint32_t> ready = co_await core::Poll(fd, POLLIN);
  IoResult<uint32_t> again = co_await core::Poll(fd, POLLIN);
  EXPECT_EQ(again.error(), ECANCELED);
  co_return ready.error();
}
Task<int> ErrorOfAccept(int fd) {
  core::AcceptStream stream(fd);
  IoResult<int> accepted = co_await stream.Next();
  IoResult<int> again = co_await stream.Next();
  EXPECT_EQ(again.error(), ECANCELED);
  co_return accepted.error();
}
Task<int> ErrorOfReceive(RecvStream& stream) {
  const int error = (co_await ReceiveNext(stream)).error;
  EXPECT_EQ((co_await ReceiveNext(stream)).error, ECANCELED);
  co_return error;
}
Task<int> Later() {
  co_await Turns(5);
  co_return 0;
}
Task<void> ScopeMain() {
  Pair pair = ConnectTcp();
  Pair other = ConnectTcp();
  IoResult<int> listener = core::SocketApi().Listen(Loopback(), {.backlog = 8});
  RecvStream stream(pair.ours, kCredit);
  const auto outcome =
      co_await core::Select(Later(), ErrorOfSend(pair.ours), ErrorOfPoll(other.ours),
                            ErrorOfAccept(*listener), ErrorOfReceive(stream));
  EXPECT_TRUE(outcome.Won<0>());
  EXPECT_EQ(outcome.values(), std::make_tuple(0, ECANCELED, ECANCELED, ECANCELED, ECANCELED));
  co_await StopAndClose(stream);
  CloseHere(other.ours);
  CloseHere(*listener);
}
TEST_P(StreamTest, ACancelledScopeEndsEveryWait) { Run(ScopeMain()); }

}  // namespace
}  // namespace sluice::contract
