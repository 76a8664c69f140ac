// PeerReset over real sockets: a reset is told, an end of stream is not, and a UNIX peer's close is
// told only to a watch that asks for it.
#include "proxy/session/peer_watch.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <tuple>

#include "core/task/join.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"

namespace sluice::proxy {
namespace {

using contract::CloseHere;
using contract::ConnectTcp;
using contract::ConnectUnix;
using contract::Pair;
using core::Task;

// Much longer than it takes until the watch begins.
constexpr core::Duration kLong = 200ms;

class PeerWatchTest : public contract::ContractTest {};
SLUICE_CONTRACT(PeerWatchTest, contract::kAll);

Task<int> GiveUpAfter(core::Duration time) {
  (void)co_await core::Sleep(time);
  co_return 0;
}

// What the watch brings; ECANCELED: nothing for a long time.
Task<int> Watch(int fd, WhenBroken when_broken) {
  auto outcome = co_await core::Select(PeerReset(fd, when_broken), GiveUpAfter(kLong));
  EXPECT_EQ(outcome.Won<1>(), outcome.Get<0>() == ECANCELED);
  co_return outcome.Get<0>();
}

Task<int> ResetAfter(Pair& pair, core::Duration time) {
  (void)co_await core::Sleep(time);
  contract::Reset(pair.peer);
  co_return 0;
}

// Before the watch begins, and while it watches.
Task<void> ResetMain() {
  for (const WhenBroken when_broken : {WhenBroken::kEnd, WhenBroken::kWaitOn}) {
    for (const core::Duration after : {0ms, 60ms}) {
      Pair pair = ConnectTcp();
      const auto [watched, unused] =
          co_await core::Join(Watch(pair.ours, when_broken), ResetAfter(pair, after));
      EXPECT_EQ(watched, 0) << "reset after " << after / 1ms << " ms";
      CloseHere(pair.ours);
    }
  }
}
TEST_P(PeerWatchTest, AResetIsTold) { Run(ResetMain()); }

// The kernel calls it EPIPE then.
Task<void> ResetAfterEndMain() {
  for (const core::Duration after : {0ms, 60ms}) {
    Pair pair = ConnectTcp();
    shutdown(pair.peer.get(), SHUT_WR);
    const auto [watched, unused] =
        co_await core::Join(Watch(pair.ours, WhenBroken::kEnd), ResetAfter(pair, after));
    EXPECT_EQ(watched, 0);
    EXPECT_EQ(ErrorOfReset(pair.ours), ECONNRESET);
    CloseHere(pair.ours);
  }
}
TEST_P(PeerWatchTest, AResetAfterTheEndOfStreamIsTold) { Run(ResetAfterEndMain()); }

// A peer that takes nothing is the same to the kernel, with TCP_USER_TIMEOUT.
Task<void> VanishedMain() {
  Pair pair = ConnectTcp();
  const unsigned milliseconds = 50;
  EXPECT_EQ(
      setsockopt(pair.ours, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof(milliseconds)), 0);
  contract::SendSome(pair.ours, std::string(8 << 20, 'x'));
  EXPECT_EQ(co_await PeerReset(pair.ours, WhenBroken::kEnd), 0);
  EXPECT_EQ(ErrorOfReset(pair.ours), ETIMEDOUT);
  EXPECT_EQ(ErrorOfReset(pair.ours), ECONNRESET) << "it is told once";
  CloseHere(pair.ours);
}
TEST_P(PeerWatchTest, WhatAVanishedPeerBrokeWithIsTold) { Run(VanishedMain()); }

Task<void> EndOfStreamMain() {
  for (const WhenBroken when_broken : {WhenBroken::kEnd, WhenBroken::kWaitOn}) {
    Pair pair = ConnectTcp();
    shutdown(pair.peer.get(), SHUT_WR);
    EXPECT_EQ(co_await Watch(pair.ours, when_broken), ECANCELED);
    CloseHere(pair.ours);
  }
}
TEST_P(PeerWatchTest, AnEndOfStreamIsNoReset) { Run(EndOfStreamMain()); }

Task<void> UnixMain() {
  for (const WhenBroken when_broken : {WhenBroken::kEnd, WhenBroken::kWaitOn}) {
    Pair pair = ConnectUnix();
    pair.peer.Close();
    const int watched = co_await Watch(pair.ours, when_broken);
    EXPECT_EQ(watched, when_broken == WhenBroken::kEnd ? EPIPE : ECANCELED);
    CloseHere(pair.ours);
  }
}
TEST_P(PeerWatchTest, AUnixPeerThatHasClosed) { Run(UnixMain()); }

}  // namespace
}  // namespace sluice::proxy
