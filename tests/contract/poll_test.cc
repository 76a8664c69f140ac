// Polling: for reading, for writing, and only for the connection to break. A poll takes no bytes,
// and what it did not want is there for the next op.

#include "core/io/poll.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <cerrno>
#include <string>

#include "core/io/recv_stream.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"

namespace sluice::contract {
namespace {

class PollTest : public ContractTest {};
SLUICE_CONTRACT(PollTest, kAll);

// The events, or minus the error.
Task<int> PollFor(int fd, uint32_t events) {
  IoResult<uint32_t> ready = co_await core::Poll(fd, events);
  co_return ready.ok() ? static_cast<int>(*ready) : -ready.error();
}
Task<int> SendAfter(int fd, int turns, std::string text) {
  co_await Turns(turns);
  SendSome(fd, text);
  co_return 0;
}

Task<void> ReadableMain() {
  for (int i = 0; i < 20; ++i) {
    Pair pair = i % 2 == 0 ? ConnectTcp() : ConnectUnix();
    auto [events, zero] =
        co_await core::Join(PollFor(pair.ours, POLLIN), SendAfter(pair.peer.get(), i % 4, "there"));
    (void)zero;
    EXPECT_NE(events & POLLIN, 0);
    RecvStream stream(pair.ours, 100);
    EXPECT_EQ((co_await Receive(stream, 5)).text, "there");
    co_await StopAndClose(stream);
  }
}
TEST_P(PollTest, Readable) { Run(ReadableMain()); }

Task<int> DrainAfter(int fd, int turns) {
  co_await Turns(turns);
  co_await Until([fd] { return ReceiveSome(fd).empty(); });
  co_return 0;
}
Task<void> WritableMain() {
  Pair pair = ConnectUnix();
  EXPECT_NE(co_await PollFor(pair.ours, POLLOUT) & POLLOUT, 0);  // from the start
  while (SendSome(pair.ours, std::string(1 << 16, 'x')) > 0) {
  }
  auto [events, zero] =
      co_await core::Join(PollFor(pair.ours, POLLOUT), DrainAfter(pair.peer.get(), 3));
  (void)zero;
  EXPECT_NE(events & POLLOUT, 0);
  CloseHere(pair.ours);
}
TEST_P(PollTest, Writable) { Run(WritableMain()); }

// What is told is what was asked for, though the peer has finished too.
Task<int> FinishAfter(int fd, int turns) {
  co_await Turns(turns);
  SendSome(fd, "last");
  shutdown(fd, SHUT_WR);
  co_return 0;
}
Task<void> OnlyWhatWasAskedForMain() {
  for (int i = 0; i < 20; ++i) {
    Pair pair = i % 2 == 0 ? ConnectTcp() : ConnectUnix();
    auto [events, zero] =
        co_await core::Join(PollFor(pair.ours, POLLIN), FinishAfter(pair.peer.get(), i % 4));
    (void)zero;
    EXPECT_EQ(events, POLLIN);
    EXPECT_EQ(co_await PollFor(pair.ours, POLLIN), POLLIN);  // the end is there from the start
    EXPECT_EQ(co_await PollFor(pair.ours, POLLOUT), POLLOUT);
    CloseHere(pair.ours);
  }
}
TEST_P(PollTest, TellsWhatWasAskedFor) { Run(OnlyWhatWasAskedForMain()); }

// Waiting for the connection to break is not ended by bytes or by the end of the stream, and they
// are found by the recv that follows, though they came long before it.
Task<void> OnlyBrokenMain() {
  for (int i = 0; i < 20; ++i) {
    Pair pair = ConnectTcp();
    const auto outcome =
        co_await core::Select(SendAfter(pair.peer.get(), i % 3, "early"), PollFor(pair.ours, 0));
    EXPECT_TRUE(outcome.Won<0>());
    EXPECT_EQ(outcome.Get<1>(), -ECANCELED);
    const bool end = i % 2 == 0;
    if (end) shutdown(pair.peer.get(), SHUT_WR);
    const auto again = co_await core::Select(SendAfter(-1, i % 4, ""), PollFor(pair.ours, 0));
    EXPECT_EQ(again.Get<1>(), -ECANCELED);
    RecvStream stream(pair.ours, 100);
    EXPECT_EQ((co_await Receive(stream, 5)).text, "early");
    if (end) EXPECT_TRUE((co_await ReceiveToEnd(stream)).end);
    co_await StopAndClose(stream);
  }
}
TEST_P(PollTest, WaitingForABreakLeavesTheBytes) { Run(OnlyBrokenMain()); }

Task<int> ResetAfter(Fd& peer, int turns) {
  co_await Turns(turns);
  Reset(peer);
  co_return 0;
}
Task<void> BrokenMain() {
  for (int i = 0; i < 20; ++i) {
    Pair pair = ConnectTcp();
    if (i % 2 == 0) SendSome(pair.peer.get(), "bytes");
    if (i % 3 == 0) shutdown(pair.peer.get(), SHUT_WR);
    auto [events, zero] = co_await core::Join(PollFor(pair.ours, 0), ResetAfter(pair.peer, i % 4));
    (void)zero;
    EXPECT_GT(events, 0);
    EXPECT_NE(events & (POLLERR | POLLHUP), 0);
    CloseHere(pair.ours);
  }
}
TEST_P(PollTest, HearsThatTheConnectionIsBroken) { Run(BrokenMain()); }

}  // namespace
}  // namespace sluice::contract
