// A peer that is always ready does not starve the other tasks of its worker, nor its reactor.

#include <gtest/gtest.h>

#include <string>

#include "core/runtime/task_group.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"

namespace sluice::contract {
namespace {

class FairnessTest : public ContractTest {};
SLUICE_CONTRACT(FairnessTest, kOneWorker);

constexpr int kManyReads = 100'000;

// Reads from a socket that it fills itself: every recv can be done at once.
Task<void> Greedy(int& reads, bool& over) {
  Pair pair = ConnectUnix();
  RecvStream stream(pair.ours, 1);
  for (; reads < kManyReads && !over; ++reads) {
    SendSome(pair.peer.get(), "x");
    EXPECT_EQ((co_await ReceiveNext(stream)).text, "x");
  }
  co_await StopAndClose(stream);
}
Task<void> Modest(int& reads, int& most, bool& over) {
  co_await Until([&reads] { return reads > 0; });
  for (int i = 0; i < 50; ++i) {
    const int before = reads;
    co_await Yield();
    most = std::max(most, reads - before);
  }
  over = true;
}
Task<void> TasksMain(core::RuntimeHandle runtime, int& reads, int& most) {
  bool over = false;
  core::TaskGroup group(runtime);
  group.Spawn(Greedy(reads, over));
  group.Spawn(Modest(reads, most, over));
  co_await group.Join();
}
TEST_P(FairnessTest, AnAlwaysReadyPeerLetsOthersRun) {
  int reads = 0;
  int most = 0;
  Run(TasksMain(handle(), reads, most));
  EXPECT_LT(reads, kManyReads);
  EXPECT_LE(most, 2 * core::kCoopBudget);
}

// The same for sends, and for another connection, which needs the reactor.
Task<void> GreedySender(int& sends, bool& over) {
  Pair pair = ConnectUnix();
  for (; sends < kManyReads && !over; ++sends) {
    EXPECT_EQ(co_await SendAll(pair.ours, "x"), 0);
    (void)ReceiveSome(pair.peer.get(), 1);
  }
  CloseHere(pair.ours);
}
Task<void> Waiting(bool& over) {
  Pair pair = ConnectTcp();
  RecvStream stream(pair.ours, 100);
  for (int i = 0; i < 20; ++i) {
    SendSome(pair.peer.get(), "x");
    EXPECT_EQ((co_await Receive(stream, 1)).text, "x");
  }
  over = true;
  co_await StopAndClose(stream);
}
Task<void> ReactorMain(core::RuntimeHandle runtime, int& sends, int& reads) {
  bool over = false;
  core::TaskGroup group(runtime);
  group.Spawn(GreedySender(sends, over));
  group.Spawn(Greedy(reads, over));
  group.Spawn(Waiting(over));
  co_await group.Join();
}
TEST_P(FairnessTest, AnAlwaysReadyPeerLetsTheReactorTurn) {
  int sends = 0;
  int reads = 0;
  Run(ReactorMain(handle(), sends, reads));
  EXPECT_LT(sends, kManyReads);
  EXPECT_LT(reads, kManyReads);
}

}  // namespace
}  // namespace sluice::contract
