// R5: a recv brings its credit at most by less than one buffer more, then ends by itself.

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "core/io/recv_stream.h"
#include "core/reactor/op.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"

namespace sluice::contract {
namespace {

constexpr uint32_t kBuffer = 4096;

class CreditTest : public ContractTest {};
SLUICE_CONTRACT(CreditTest, kAll);

// What one recv brings from a socket that is always full.
Task<std::string> Flooded(Pair& pair, uint32_t credit, size_t& sent) {
  const core::Context context = co_await core::CurrentContext();
  core::RecvOp op(pair.ours);
  op.credit = credit;
  bool done = core::SubmitHere(op, *context.task);
  co_await Until([&] {
    sent += SendSome(pair.peer.get(), BytesAt(sent, 20'000));
    return done || !op.in_flight;
  });
  co_await Turns(3);  // were there more, it would come now
  EXPECT_EQ(op.result, core::kCreditUsed);
  std::string text;
  while (op.has_buffer()) text += TextOf(op.TakeBuffer());
  co_return text;
}

Task<void> FloodMain() {
  Pair pair = ConnectTcp();
  size_t sent = 0;
  size_t position = 0;
  for (uint32_t credit : {1u, 100u, kBuffer - 1, kBuffer, kBuffer + 1, 10'000u, 16 * kBuffer}) {
    for (int i = 0; i < 20; ++i) {
      const std::string text = co_await Flooded(pair, credit, sent);
      EXPECT_GT(text.size(), 0u);
      EXPECT_LT(text.size(), credit + kBuffer) << "credit " << credit;
      EXPECT_TRUE(text == BytesAt(position, text.size())) << "near byte " << position;
      position += text.size();
    }
  }
  CloseHere(pair.ours);
}
TEST_P(CreditTest, AFloodIsStopped) { Run(FloodMain()); }

// A stream asks for its next credit when the last one has been read, and not before.
Task<void> StreamMain() {
  constexpr uint32_t kCredit = 4 * kBuffer;
  Pair pair = ConnectTcp();
  RecvStream stream(pair.ours, kCredit);
  size_t sent = 0;
  size_t position = 0;
  for (int i = 0; i < 50; ++i) {
    sent += SendSome(pair.peer.get(), BytesAt(sent, 50'000));
    const Received next = co_await ReceiveNext(stream);
    EXPECT_TRUE(next.text == BytesAt(position, next.text.size()));
    position += next.text.size();
    co_await Turns(3);
  }
  co_await StopAndClose(stream);
}
TEST_P(CreditTest, AStreamGoesOnAfterItsCredit) { Run(StreamMain()); }

// The credit counts on when the pool was exhausted in the middle of it.
Task<void> DryMain(core::Worker& worker, size_t buffers) {
  constexpr uint32_t kCredit = 3 * kBuffer;
  Pair holder = ConnectTcp();
  Pair pair = ConnectTcp();
  SetBufferSizes(pair.peer.get(), 1 << 20);
  // One connection holds all buffers but one or two.
  for (size_t held = buffers - 2; held < buffers; ++held) {
    RecvStream holding(holder.ours, 1);
    std::vector<core::BufferLease> leases;
    while (leases.size() < held) {
      SendSome(holder.peer.get(), "h");
      IoResult<core::BufferLease> lease = co_await holding.Next();
      leases.push_back(std::move(*lease));
    }
    SendSome(pair.peer.get(), BytesAt(0, 100 * kBuffer));
    const core::Context context = co_await core::CurrentContext();
    core::RecvOp op(pair.ours);
    op.credit = kCredit;
    const uint64_t starved = worker.reactor().counters().starved.load();
    bool done = core::SubmitHere(op, *context.task);
    co_await Until([&] {
      return done || !op.in_flight || worker.reactor().counters().starved.load() > starved;
    });
    leases.clear();
    co_await Until([&] { return done || !op.in_flight; });
    // It may have ended without a byte, for no coroutine waits for it: RecvStream asks again.
    if (!op.has_buffer() && op.result == core::kCreditUsed) {
      done = core::SubmitHere(op, *context.task);
      co_await Until([&] { return done || !op.in_flight; });
    }
    size_t size = 0;
    while (op.has_buffer()) size += op.TakeBuffer().bytes().size();
    EXPECT_GT(size, 0u);
    EXPECT_LT(size, kCredit + kBuffer);
    while (!ReceiveSome(pair.ours).empty()) {
    }
    co_await holding.Stop();
  }
  CloseHere(pair.ours);
  CloseHere(holder.ours);
}
TEST_P(CreditTest, ADryPoolDoesNotRenewTheCredit) {
  options.buffers = 8;
  Run(DryMain(*worker(0), 8));
}

}  // namespace
}  // namespace sluice::contract
