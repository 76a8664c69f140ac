// A worker that has more completions before it than it works off in a turn: what is new comes
// within a bounded number of them. Each case counts what is served meanwhile.

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "core/combine/join_all.h"
#include "core/io/accept_stream.h"
#include "core/runtime/task_group.h"
#include "core/task/select.h"
#include "tests/contract/contract.h"
#include "tests/contract/many_descriptors.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"

namespace sluice::contract {
namespace {

using core::AcceptStream;

constexpr size_t kBusy = 1000;       // four turns' worth of completions
constexpr size_t kBusyOfTask = 100;  // less than a task may do before others run
constexpr size_t kGuests = 200;
constexpr size_t kMost = 500 * kBusy;  // where nothing ends a case before

class BacklogTest : public ManyDescriptorsTest {};
SLUICE_CONTRACT(BacklogTest, kOneWorker);

struct Load {
  size_t served = 0;
  bool over = false;
};

// Sends what can be sent at once, again and again.
Task<void> SendOn(Load& load) {
  Pair pair = ConnectUnix();
  while (!load.over && load.served < kMost) {
    EXPECT_EQ(co_await SendAll(pair.ours, "x"), 0);
    (void)ReceiveSome(pair.peer.get(), 1);
    ++load.served;
  }
  CloseHere(pair.ours);
}

// In few tasks, each of which serves all that it has in one go: so they wait in the reactor, and
// not for their turn to run.
Task<void> SendMuch(Load& load) {
  std::vector<Task<void>> all;
  for (size_t i = 0; i < kBusyOfTask; ++i) all.push_back(SendOn(load));
  co_await core::JoinAll(std::move(all));
}
void SpawnBusy(core::TaskGroup& group, Load& load) {
  for (size_t i = 0; i < kBusy / kBusyOfTask; ++i) group.Spawn(SendMuch(load));
}

// Until all that is busy has been served so many times.
Task<void> Passes(const Load& load, size_t passes) {
  const size_t end = std::min(kMost, load.served + passes * kBusy);
  co_await Until([&load, end] { return load.served >= end; });
}

// Connections that arrive together while an accept waits for the first.
Task<void> Accept(int listener, size_t count, Load& load, size_t& end) {
  AcceptStream stream(listener);
  for (size_t i = 0; i < count; ++i) {
    IoResult<int> fd = co_await stream.Next();
    EXPECT_TRUE(fd.ok()) << fd.error();
    if (fd.ok()) CloseHere(*fd);
  }
  end = load.served;
  load.over = true;
  // Ends the accept, which is still in flight, as a listener does.
  const auto last = co_await core::Select(Turns(2), stream.Next());
  EXPECT_EQ(last.Get<1>().error(), ECANCELED);
}

Task<void> GuestsMain(core::RuntimeHandle runtime, size_t& served) {
  IoResult<int> listener = core::SocketApi().Listen(Loopback(), {.backlog = 1024});
  SLUICE_CHECK(listener.ok());
  Load load;
  core::TaskGroup group(runtime);
  SpawnBusy(group, load);
  size_t end = 0;
  group.Spawn(Accept(*listener, kGuests, load, end));
  co_await Passes(load, 3);
  const size_t before = load.served;
  std::deque<Fd> guests;
  for (size_t i = 0; i < kGuests; ++i) guests.push_back(ConnectPlain(AddressOf(*listener)));
  co_await group.Join();
  served = end - before;
  CloseHere(*listener);
}
TEST_P(BacklogTest, NewConnections) {
  size_t served = 0;
  Run(GuestsMain(handle(), served));
  EXPECT_LT(served, 20 * kBusy);  // not kGuests of them
}
// What the kernel brings only when it is asked, however much can be done without asking.
Task<void> ReadLater(Load& load, size_t& most) {
  Pair pair = ConnectUnix();
  RecvStream stream(pair.ours, 100);
  core::TaskGroup group(core::RuntimeHandle::Current());
  size_t sent_at = 0;
  for (int i = 0; i < 20; ++i) {
    group.Spawn([](Load& load, int peer, size_t& sent_at) -> Task<void> {
      co_await Passes(load, 3);  // the recv waits in the kernel
      sent_at = load.served;
      SendSome(peer, "x");
    }(load, pair.peer.get(), sent_at));
    EXPECT_EQ((co_await Receive(stream, 1)).text, "x");
    most = std::max(most, load.served - sent_at);
  }
  load.over = true;
  co_await group.Join();
  co_await StopAndClose(stream);
}
Task<void> ReadsMain(core::RuntimeHandle runtime, size_t& most) {
  Load load;
  core::TaskGroup group(runtime);
  SpawnBusy(group, load);
  group.Spawn(ReadLater(load, most));
  co_await group.Join();
}
TEST_P(BacklogTest, WhatTheKernelIsToBring) {
  size_t most = 0;
  Run(ReadsMain(handle(), most));
  EXPECT_LT(most, 5 * kBusy);
}

}  // namespace
}  // namespace sluice::contract
