// Mpsc: order of each sender, the bound, both ways to close, permits, blocking ends.
#include "core/sync/mpsc.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/runtime/spawn.h"
#include "core/task/join.h"
#include "tests/core/support/counted.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

using Channel = Mpsc<MoveOnly>;

int Number(IoResult<MoveOnly> value) { return value.ok() ? value->number() : -value.error(); }

TEST(MpscTest, HoldsAsManyAsItsCapacityAndGivesTheNextOneBack) {
  ValueCounts counts;
  auto [sender, receiver] = Channel::Make(2);
  EXPECT_EQ(sender.capacity(), 2u);
  EXPECT_TRUE(sender.TrySend(MoveOnly(counts, 0)).ok());
  EXPECT_TRUE(sender.TrySend(MoveOnly(counts, 1)).ok());
  auto full = sender.TrySend(MoveOnly(counts, 2));
  EXPECT_EQ(full.error(), EAGAIN);
  EXPECT_EQ(full.TakeUnsent().number(), 2);
  EXPECT_EQ(Number(receiver.TryNext()), 0);
  EXPECT_TRUE(sender.TrySend(MoveOnly(counts, 3)).ok());
  EXPECT_EQ(Number(receiver.TryNext()), 1);
  EXPECT_EQ(Number(receiver.TryNext()), 3);
  EXPECT_EQ(Number(receiver.TryNext()), -EAGAIN);
}

TEST(MpscTest, TheLastSenderEndsItBehindWhatIsQueued) {
  ValueCounts counts;
  auto [sender, receiver] = Channel::Make(2);
  std::optional<Channel::Sender> second(sender);
  ASSERT_TRUE(second->TrySend(MoveOnly(counts, 0)).ok());
  {
    auto gone = std::move(sender);
  }
  EXPECT_EQ(Number(receiver.TryNext()), 0);
  EXPECT_EQ(Number(receiver.TryNext()), -EAGAIN);
  second.reset();
  EXPECT_EQ(Number(receiver.TryNext()), -EPIPE);
  EXPECT_EQ(Number(receiver.BlockingNext()), -EPIPE);
}

TEST(MpscTest, WhatWasSentBeforeCloseIsReceived) {
  ValueCounts counts;
  auto [sender, receiver] = Channel::Make(3);
  ASSERT_TRUE(sender.TrySend(MoveOnly(counts, 0)).ok());
  auto permit = sender.TryReserve();
  ASSERT_TRUE(permit.ok());
  EXPECT_FALSE(sender.closed());
  receiver.Close();
  EXPECT_TRUE(sender.closed());
  auto sent = sender.TrySend(MoveOnly(counts, 1));
  EXPECT_EQ(sent.error(), EPIPE);
  EXPECT_EQ(sent.TakeUnsent().number(), 1);
  EXPECT_EQ(sender.TryReserve().error(), EPIPE);
  EXPECT_EQ(Number(receiver.TryNext()), 0);
  EXPECT_EQ(Number(receiver.TryNext()), -EAGAIN);  // the permit may still be used
  permit->Send(MoveOnly(counts, 2));
  EXPECT_EQ(Number(receiver.TryNext()), 2);
  EXPECT_EQ(Number(receiver.TryNext()), -EPIPE);
}

TEST(MpscTest, APermitHoldsASlotUntilItIsUsedOrGoes) {
  ValueCounts counts;
  auto [sender, receiver] = Channel::Make(1);
  {
    auto permit = sender.TryReserve();
    ASSERT_TRUE(permit.ok());
    EXPECT_EQ(sender.TryReserve().error(), EAGAIN);
    EXPECT_EQ(sender.TrySend(MoveOnly(counts, 0)).error(), EAGAIN);
  }
  auto permit = sender.TryReserve();
  ASSERT_TRUE(permit.ok());
  {
    auto gone = std::move(sender);
  }
  EXPECT_EQ(Number(receiver.TryNext()), -EAGAIN);  // it counts as a sender
  permit->Send(MoveOnly(counts, 1));
  EXPECT_EQ(Number(receiver.TryNext()), 1);
  EXPECT_EQ(Number(receiver.TryNext()), -EPIPE);
}

TEST(MpscTest, WhatIsQueuedGoesWithTheReceiver) {
  ValueCounts counts;
  auto [sender, receiver] = Channel::Make(3);
  auto permit = sender.TryReserve();
  ASSERT_TRUE(sender.TrySend(MoveOnly(counts, 0)).ok());
  ASSERT_TRUE(sender.TrySend(MoveOnly(counts, 1)).ok());
  {
    auto gone = std::move(receiver);
  }
  EXPECT_EQ(counts.alive, 0);
  EXPECT_EQ(sender.TrySend(MoveOnly(counts, 2)).error(), EPIPE);
  permit->Send(MoveOnly(counts, 3));
  EXPECT_EQ(counts.alive, 0);
}

// A value goes outside of the lock: here its end takes the lock again.
struct Knot {
  std::unique_ptr<Mpsc<Knot>::Sender> sender;
};
TEST(MpscTest, AValueMayHoldASenderOfItsOwnChannel) {
  auto [sender, receiver] = Mpsc<Knot>::Make(2);
  ASSERT_TRUE(sender.TrySend({std::make_unique<Mpsc<Knot>::Sender>(sender)}).ok());
  {
    auto gone = std::move(receiver);
  }
  EXPECT_TRUE(sender.closed());
}

Task<void> SendAll(Mpsc<int>::Sender sender, int first, int count) {
  for (int i = first; i < first + count; ++i) EXPECT_TRUE((co_await sender.Send(i)).ok());
  sender = {};  // a parameter would live as long as a Join
}

Task<void> BoundMain() {
  auto [sender, receiver] = Mpsc<int>::Make(2);
  auto receive = [](Mpsc<int>::Receiver from) -> Task<void> {
    for (int i = 0; i < 10; ++i) {
      co_await Yield();
      EXPECT_LE(from.size(), 2u);
      auto value = co_await from.Next();
      EXPECT_TRUE(value.ok() && *value == i);
    }
    EXPECT_EQ((co_await from.Next()).error(), EPIPE);
  };
  co_await Join(SendAll(std::move(sender), 0, 10), receive(std::move(receiver)));
}
TEST(MpscTest, ASenderWaitsForAFreeSlot) { TestRuntime(1).Run(BoundMain()); }

Task<void> FairMain() {
  auto [sender, receiver] = Mpsc<int>::Make(1);
  std::string order;
  EXPECT_TRUE(sender.TrySend(0).ok());
  auto send = [](Mpsc<int>::Sender& to, int value) -> Task<void> {
    EXPECT_TRUE((co_await to.Send(value)).ok());
  };
  auto reserve = [](Mpsc<int>::Sender& to, int value) -> Task<void> {
    auto permit = co_await to.Reserve();
    EXPECT_TRUE(permit.ok());
    permit->Send(value);
  };
  auto receive = [](Mpsc<int>::Sender& to, Mpsc<int>::Receiver& from) -> Task<void> {
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(to.TrySend(9).error(), EAGAIN);  // it does not overtake
      auto value = co_await from.Next();
      EXPECT_TRUE(value.ok() && *value == i);
    }
  };
  co_await Join(send(sender, 1), reserve(sender, 2), send(sender, 3), receive(sender, receiver));
}
TEST(MpscTest, SendersThatWaitAreServedInOrder) { TestRuntime(1).Run(FairMain()); }

Task<void> CloseMain() {
  ValueCounts counts;
  auto [sender, receiver] = Channel::Make(1);
  EXPECT_TRUE(sender.TrySend(MoveOnly(counts, 0)).ok());
  auto send = [](Channel::Sender& to, ValueCounts& counts) -> Task<void> {
    auto sent = co_await to.Send(MoveOnly(counts, 1));
    EXPECT_EQ(sent.error(), EPIPE);
    EXPECT_EQ(sent.TakeUnsent().number(), 1);
  };
  auto reserve = [](Channel::Sender& to) -> Task<void> {
    EXPECT_EQ((co_await to.Reserve()).error(), EPIPE);
  };
  auto close = [](Channel::Receiver& from) -> Task<void> {
    from.Close();
    EXPECT_EQ(Number(co_await from.Next()), 0);
    EXPECT_EQ(Number(co_await from.Next()), -EPIPE);
  };
  co_await Join(send(sender, counts), reserve(sender), close(receiver));
}
TEST(MpscTest, CloseEndsTheWaitOfSendersAndGivesTheirValuesBack) {
  TestRuntime(1).Run(CloseMain());
}

Task<void> ManyMain() {
  ValueCounts counts;
  auto [sender, receiver] = Channel::Make(4);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(sender.TrySend(MoveOnly(counts, i)).ok());
  std::vector<MoveOnly> values;
  auto count = co_await receiver.NextMany(values, 3);
  EXPECT_TRUE(count.ok() && *count == 3);
  count = co_await receiver.NextMany(values, 100);  // appends
  EXPECT_TRUE(count.ok() && *count == 1);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(values[static_cast<size_t>(i)].number(), i);

  // It waits for one, and then takes what has come meanwhile, and lets senders go on.
  auto send = [](Channel::Sender& to, ValueCounts& counts) -> Task<void> {
    for (int i = 0; i < 6; ++i) EXPECT_TRUE((co_await to.Send(MoveOnly(counts, 4 + i))).ok());
  };
  auto receive = [](Channel::Receiver& from, std::vector<MoveOnly>& into) -> Task<void> {
    while (into.size() < 10) EXPECT_TRUE((co_await from.NextMany(into, 100)).ok());
  };
  co_await Join(receive(receiver, values), send(sender, counts));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(values[static_cast<size_t>(i)].number(), i);
  {
    auto gone = std::move(sender);
  }
  EXPECT_EQ((co_await receiver.NextMany(values, 100)).error(), EPIPE);
}
TEST(MpscTest, NextManyTakesWhatIsThere) { TestRuntime(1).Run(ManyMain()); }

// What never makes its task wait gives way to others all the same.
Task<void> BudgetMain() {
  auto [sender, receiver] = Mpsc<int>::Make(1);
  bool stop = false;
  auto both = [](Mpsc<int>::Sender& to, Mpsc<int>::Receiver& from, bool& stop) -> Task<void> {
    while (!stop) {
      EXPECT_TRUE((co_await to.Send(1)).ok());
      EXPECT_TRUE((co_await from.Next()).ok());
    }
  };
  auto handle = Spawn([](bool& stop) -> Task<void> {
    stop = true;
    co_return;
  }(stop));
  co_await both(sender, receiver, stop);
  (void)co_await std::move(handle);
}
TEST(MpscTest, ALoopThatNeverWaitsGivesWay) { TestRuntime(1).Run(BudgetMain()); }

TEST(MpscTest, PlainThreadsSendAndReceive) {
  constexpr int kThreads = 4;
  constexpr int kEach = 2'000;
  ValueCounts counts;
  auto [sender, receiver] = Channel::Make(3);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&counts, t, sender = sender]() mutable {
      for (int i = 0; i < kEach; ++i) {
        EXPECT_TRUE(sender.BlockingSend(MoveOnly(counts, t * kEach + i)).ok());
      }
    });
  }
  {
    auto gone = std::move(sender);
  }
  std::array<int, kThreads> next{};
  int received = 0;
  for (;;) {
    auto value = receiver.BlockingNext();
    if (!value.ok()) {
      EXPECT_EQ(value.error(), EPIPE);
      break;
    }
    int& of_sender = next[static_cast<size_t>(value->number() / kEach)];
    EXPECT_EQ(value->number() % kEach, of_sender++);  // in the order of each sender
    ++received;
  }
  EXPECT_EQ(received, kThreads * kEach);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counts.alive, 0);
}

TEST(MpscTest, AThreadThatBlocksIsToldOfTheClose) {
  ValueCounts counts;
  auto [sender, receiver] = Channel::Make(1);
  ASSERT_TRUE(sender.TrySend(MoveOnly(counts, 0)).ok());
  std::thread thread([&counts, sender = sender]() mutable {
    auto sent = sender.BlockingSend(MoveOnly(counts, 1));
    EXPECT_EQ(sent.error(), EPIPE);
    EXPECT_EQ(sent.TakeUnsent().number(), 1);
  });
  receiver.Close();
  thread.join();
}

using MpscDeathTest = ::testing::Test;
Task<void> TwoReceiveMain() {
  auto [sender, receiver] = Mpsc<int>::Make(1);
  (void)co_await Join(receiver.Next(), receiver.Next());
}
TEST(MpscDeathTest, OneReceiveAtATime) {
  EXPECT_DEATH(TestRuntime(1).Run(TwoReceiveMain()), "one receive at a time");
}
TEST(MpscDeathTest, MisuseIsToldWhatToDo) {
  EXPECT_DEATH((void)Mpsc<int>::Make(0), "a capacity of 1 is the smallest");
  auto [sender, receiver] = Mpsc<int>::Make(1);
  auto permit = sender.TryReserve();
  permit->Send(1);
  EXPECT_DEATH(permit->Send(2), "reserve one for each value");
}

}  // namespace
}  // namespace sluice::core::testing
