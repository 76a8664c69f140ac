// Pump with a head, over real sockets: what was read before and what the proxy says itself come
// first, and a stream that is taken over loses nothing.
#include "proxy/session/pump.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "core/io/recv_stream.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "proxy/session/head.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"
#include "tests/core/support/seed.h"

namespace sluice::proxy {
namespace {

using contract::BytesAt;
using contract::CloseHere;
using contract::ConnectTcp;
using contract::Pair;
using contract::ReceiveSome;
using contract::SendSome;
using core::RecvStream;
using core::Task;
using core::testing::Turns;
using core::testing::Until;
using core::testing::Yield;

constexpr uint32_t kCredit = 65536;

class PumpTest : public contract::ContractTest {};
SLUICE_CONTRACT(PumpTest, contract::kAll);

// Notes what it is told.
class Owner final : public FlowOwner {
 public:
  Stats& stats() override { return stats_; }
  void SendBegins(Flow&, core::Instant) override {}
  bool FlowEnded(Flow&, FlowEnd how, int why) override {
    ends.push_back(how);
    error = why;
    return false;
  }
  void ResetAfterEnd(Flow&) override {}
  void BuffersShort() override {}
  Pacer& PacerOf(const Flow&) override {
    ++paced;
    return pacer_;
  }
  Head TakeHead(Flow&) override { return std::move(head); }

  Head head;
  std::vector<FlowEnd> ends;
  int error = 0;
  int paced = 0;  // times that the pacer was asked for

 private:
  Stats stats_{2};
  SharedPace shared_{0};
  Pacer pacer_{uint64_t{1} << 30, shared_};
};

// From the client to the upstream, with a head.
Flow FlowOf(Owner& owner, const Pair& client, const Pair& upstream) {
  return {.owner = owner,
          .from = client.ours,
          .to = upstream.ours,
          .credit = kCredit,
          .is_up = true,
          .has_head = true};
}

// Reads at least `count` bytes ahead of the pump; 0, or the error that the stream has found.
Task<int> ReadAhead(RecvStream& stream, size_t count, Head& head) {
  size_t read = 0;
  while (read < count) {
    core::IoResult<core::BufferLease> lease = co_await stream.Next();
    if (!lease.ok()) co_return lease.error();
    if (lease->empty()) co_return 0;
    read += lease->bytes().size();
    head.read.push_back(std::move(*lease));
  }
  co_return co_await TakeOver(stream, head);
}

Task<void> PeerGets(const Pair& upstream, std::string expected, const Pair& client) {
  const std::string text = co_await contract::PeerReceives(upstream.peer.get(), expected.size());
  EXPECT_EQ(text, expected);
  shutdown(client.peer.get(), SHUT_WR);
}

// The proxy's own bytes, then those that were read, then the stream's; only the client's count.
Task<void> OrderMain(bool paced) {
  Pair client = ConnectTcp();
  Pair upstream = ConnectTcp();
  Owner owner;
  owner.head.own = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n";
  SendSome(client.peer.get(), "read before");
  {
    RecvStream stream(client.ours, 1);
    EXPECT_EQ(co_await ReadAhead(stream, 11, owner.head), 0);
  }
  SendSome(client.peer.get(), ", and after");
  Flow flow = FlowOf(owner, client, upstream);
  flow.paced = paced;
  co_await core::Join(Pump(flow), PeerGets(upstream,
                                           "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"
                                           "read before, and after",
                                           client));
  EXPECT_EQ(owner.ends, std::vector{FlowEnd::kEndOfStream});
  EXPECT_EQ(flow.bytes, 22u);
  EXPECT_FALSE(flow.has_head);
  EXPECT_FALSE(flow.sending);
  EXPECT_EQ(owner.paced > 0, paced);
  CloseHere(client.ours);
  CloseHere(upstream.ours);
}
TEST_P(PumpTest, TheHeadComesFirst) { Run(OrderMain(false)); }
TEST_P(PumpTest, WhatWasReadIsPaced) { Run(OrderMain(true)); }

// Bytes of the proxy alone: nothing counts, nothing is paced.
Task<void> OwnMain() {
  Pair client = ConnectTcp();
  Pair upstream = ConnectTcp();
  Owner owner;
  owner.head.own = "hello";
  Flow flow = FlowOf(owner, client, upstream);
  flow.paced = true;
  co_await core::Join(Pump(flow), PeerGets(upstream, "hello", client));
  EXPECT_EQ(owner.ends, std::vector{FlowEnd::kEndOfStream});
  EXPECT_EQ(flow.bytes, 0u);
  EXPECT_EQ(owner.paced, 0);
  CloseHere(client.ours);
  CloseHere(upstream.ours);
}
TEST_P(PumpTest, TheProxysOwnBytes) { Run(OwnMain()); }

Task<void> Feed(const Pair& client, size_t total) {
  for (size_t sent = 0; sent < total;) {
    sent += SendSome(client.peer.get(), BytesAt(sent, std::min<size_t>(total - sent, 5000)));
    co_await Yield();
  }
  shutdown(client.peer.get(), SHUT_WR);
}

Task<void> ExpectAll(const Pair& upstream, size_t total) {
  size_t position = 0;
  co_await Until([&] {
    const std::string text = ReceiveSome(upstream.peer.get());
    EXPECT_TRUE(text == BytesAt(position, text.size())) << "near byte " << position;
    position += text.size();
    char next;
    return recv(upstream.peer.get(), &next, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  });
  EXPECT_EQ(position, total);
}

Task<void> ReadThenPump(Flow& flow, Head& head, uint32_t credit, size_t read) {
  {
    RecvStream stream(flow.from, credit);
    EXPECT_EQ(co_await ReadAhead(stream, read, head), 0);
  }
  co_await Pump(flow);
  shutdown(flow.to, SHUT_WR);
}

// Wherever the pump takes over, and however much was on its way, every byte arrives in order.
Task<void> TakeOverMain() {
  core::testing::Random random(core::testing::Seed());
  for (int i = 0; i < 40; ++i) {
    constexpr uint32_t kCredits[] = {500, 4096, 3 * 4096, kCredit};
    const auto read = static_cast<size_t>(core::testing::Between(random, 1, 60'000));
    const size_t total = read + static_cast<size_t>(core::testing::Between(random, 0, 60'000));
    Pair client = ConnectTcp();
    Pair upstream = ConnectTcp();
    Owner owner;
    Flow flow = FlowOf(owner, client, upstream);
    co_await core::Join(Feed(client, total), ReadThenPump(flow, owner.head, kCredits[i % 4], read),
                        ExpectAll(upstream, total));
    EXPECT_EQ(owner.ends, std::vector{FlowEnd::kEndOfStream});
    EXPECT_EQ(flow.bytes, total);
    CloseHere(client.ours);
    CloseHere(upstream.ours);
  }
}
TEST_P(PumpTest, TakingOverLosesNothing) { Run(TakeOverMain()); }

// The kernel tells a reset once: to the stream that is taken over, which hands it on, or to the
// next one.
Task<void> ResetMain() {
  for (int i = 0; i < 20; ++i) {
    Pair client = ConnectTcp();
    Head head;
    SendSome(client.peer.get(), "x");
    RecvStream stream(client.ours, i % 2 == 0 ? 1 : kCredit);
    const contract::Received first = co_await contract::ReceiveNext(stream);
    EXPECT_EQ(first.text, "x");
    contract::Reset(client.peer);
    co_await Until([&] {
      return core::Worker::Current()->reactor().GetPeerState(client.ours) ==
             core::PeerState::kReset;
    });
    co_await Turns(3);
    int error = co_await TakeOver(stream, head);
    EXPECT_TRUE(head.read.empty());
    if (error == 0) {
      RecvStream next(client.ours, kCredit);
      error = (co_await contract::ReceiveNext(next)).error;
    }
    EXPECT_EQ(error, ECONNRESET);
    CloseHere(client.ours);
  }
}
TEST_P(PumpTest, AResetIsNotLost) { Run(ResetMain()); }

Task<int> YieldTimes(int times) {
  for (; times > 0; --times) co_await Yield();
  co_return 0;
}
Task<int> PumpToEnd(Flow& flow) {
  co_await Pump(flow);
  co_return 0;
}

// The receiver takes nothing: the head waits, and is cancelled like any other send.
Task<void> CancelMain() {
  for (const bool with_read : {false, true}) {
    Pair client = ConnectTcp();
    Pair upstream = ConnectTcp();
    Owner owner;
    owner.head.own = BytesAt(0, 16u << 20);
    if (with_read) {
      SendSome(client.peer.get(), "held");
      RecvStream stream(client.ours, kCredit);
      EXPECT_EQ(co_await ReadAhead(stream, 4, owner.head), 0);
    }
    Flow flow = FlowOf(owner, client, upstream);
    const auto outcome = co_await core::Select(PumpToEnd(flow), YieldTimes(2000));
    EXPECT_TRUE(outcome.Won<1>());
    EXPECT_EQ(owner.ends, std::vector{FlowEnd::kCancelled});
    CloseHere(client.ours);
    CloseHere(upstream.ours);
  }
}
TEST_P(PumpTest, AHeadThatNobodyTakesIsCancelled) { Run(CancelMain()); }

// The receiver is gone: that is a failed send, whatever the stream brings.
Task<void> GoneMain() {
  Pair client = ConnectTcp();
  Pair upstream = ConnectTcp();
  Owner owner;
  owner.head.own = "hello";
  contract::Reset(upstream.peer);
  co_await Until([&] {
    return core::Worker::Current()->reactor().GetPeerState(upstream.ours) ==
           core::PeerState::kReset;
  });
  Flow flow = FlowOf(owner, client, upstream);
  co_await Pump(flow);
  EXPECT_EQ(owner.ends, std::vector{FlowEnd::kWriteError});
  EXPECT_TRUE(owner.error == EPIPE || owner.error == ECONNRESET) << owner.error;
  EXPECT_TRUE(flow.send_failed);
  CloseHere(client.ours);
  CloseHere(upstream.ours);
}
TEST_P(PumpTest, AHeadWithoutAReceiver) { Run(GoneMain()); }

}  // namespace
}  // namespace sluice::proxy
