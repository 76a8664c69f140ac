// Oneshot: one value from any thread to one receiver; both ends are told when the other has gone.
#include "core/sync/oneshot.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <thread>
#include <tuple>
#include <utility>

#include "core/runtime/spawn.h"
#include "core/runtime/task_group.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "tests/core/support/cancel_driver.h"
#include "tests/core/support/counted.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

using Channel = Oneshot<MoveOnly>;

TEST(OneshotTest, TheSenderNeverWaitsAndTheValueIsKept) {
  ValueCounts counts;
  auto [sender, receiver] = Channel::Make();
  EXPECT_EQ(receiver.TryTake().error(), EAGAIN);
  EXPECT_TRUE(sender.Send(MoveOnly(counts, 7)).ok());
  EXPECT_EQ(counts.alive, 1);
  auto value = receiver.TryTake();
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(value->number(), 7);
}

TEST(OneshotTest, ASenderThatGoesEndsTheReceive) {
  auto [sender, receiver] = Channel::Make();
  {
    auto gone = std::move(sender);
  }
  EXPECT_EQ(receiver.TryTake().error(), EPIPE);
  EXPECT_EQ(receiver.BlockingTake().error(), EPIPE);
}

TEST(OneshotTest, AReceiverThatGoesGivesTheValueBack) {
  ValueCounts counts;
  auto [sender, receiver] = Channel::Make();
  EXPECT_FALSE(sender.closed());
  {
    auto gone = std::move(receiver);
  }
  EXPECT_TRUE(sender.closed());
  auto sent = sender.Send(MoveOnly(counts, 7));
  EXPECT_EQ(sent.error(), EPIPE);
  EXPECT_EQ(sent.TakeUnsent().number(), 7);
}

TEST(OneshotTest, WhatWasSentBeforeCloseIsReceived) {
  ValueCounts counts;
  auto [sender, receiver] = Channel::Make();
  ASSERT_TRUE(sender.Send(MoveOnly(counts, 7)).ok());
  receiver.Close();
  EXPECT_TRUE(receiver.TryTake().ok());

  auto [late, closed] = Channel::Make();
  closed.Close();
  EXPECT_EQ(late.Send(MoveOnly(counts, 8)).error(), EPIPE);
  EXPECT_EQ(closed.TryTake().error(), EPIPE);
  EXPECT_EQ(counts.alive, 0);
}

TEST(OneshotTest, AValueThatIsNotTakenGoesWithTheReceiver) {
  ValueCounts counts;
  auto [sender, receiver] = Channel::Make();
  ASSERT_TRUE(sender.Send(MoveOnly(counts, 7)).ok());
  {
    auto gone = std::move(receiver);
  }
  EXPECT_EQ(counts.alive, 0);
}

Task<void> AwaitMain() {
  ValueCounts counts;
  auto [sender, receiver] = Channel::Make();
  auto receive = [](Channel::Receiver& from) -> Task<int> {
    auto value = co_await from;
    co_return value.ok() ? value->number() : -value.error();
  };
  auto send = [](Channel::Sender& to, ValueCounts& counts) -> Task<void> {
    co_await Yield();
    EXPECT_TRUE(to.Send(MoveOnly(counts, 7)).ok());
  };
  EXPECT_EQ(std::get<0>(co_await Join(receive(receiver), send(sender, counts))), 7);

  auto [dropped, lonely] = Channel::Make();
  auto drop = [](Channel::Sender sender) -> Task<void> {
    co_await Yield();
    sender = {};  // a parameter would live as long as the Join
  };
  EXPECT_EQ(std::get<0>(co_await Join(receive(lonely), drop(std::move(dropped)))), -EPIPE);
}
TEST(OneshotTest, AReceiverWaitsForTheValueOrForTheEndOfTheSender) {
  TestRuntime(1).Run(AwaitMain());
}

Task<void> CancelMain() {
  ValueCounts counts;
  auto [sender, receiver] = Channel::Make();
  // Cut short: the receiver can wait again.
  auto outcome = co_await Select(receiver, Yield());
  EXPECT_EQ(outcome.Get<0>().error(), ECANCELED);
  EXPECT_TRUE(sender.Send(MoveOnly(counts, 7)).ok());
  auto value = co_await receiver;
  EXPECT_TRUE(value.ok() && value->number() == 7);
}
TEST(OneshotTest, ACancelledReceiveLosesNothing) { TestRuntime(1).Run(CancelMain()); }

Task<void> ClosedMain() {
  auto [sender, receiver] = Channel::Make();
  EXPECT_EQ((co_await Select(sender.Closed(), Yield())).Get<0>().error(), ECANCELED);
  auto drop = [](Channel::Receiver receiver) -> Task<void> {
    co_await Yield();
    receiver = {};
  };
  auto outcome = co_await Join(sender.Closed(), drop(std::move(receiver)));
  EXPECT_TRUE(std::get<0>(outcome).ok());
  EXPECT_TRUE((co_await sender.Closed()).ok());
}
TEST(OneshotTest, ASenderIsToldWhenTheReceiverHasGone) { TestRuntime(1).Run(ClosedMain()); }

// A wait for each of two channels; whatever is cancelled when, each value comes out once.
struct OneshotCase {
  OneshotCase() {
    for (auto& [sender, receiver] : ends) std::tie(sender, receiver) = Channel::Make();
  }
  Task<bool> Wait(int i) {
    auto value = co_await ends[i].second;
    co_return value.ok() && value->number() == i;
  }
  void Grant(int i) { sent += ends[i].first.Send(MoveOnly(counts, i)).ok() ? 1 : 0; }
  std::string Check(const CancelRun& run) {
    if (sent != run.given) return "a send failed";
    if (run.got + counts.alive != run.given) return "a value was lost or doubled";
    for (int i = 0; i < run.given; ++i) {
      if (run.begun[i] && !run.ended[i]) return "one waits though its value was sent";
    }
    return "";
  }

  ValueCounts counts;
  std::array<std::pair<Channel::Sender, Channel::Receiver>, 2> ends;
  int sent = 0;
};
TEST(OneshotTest, NoValueIsLostInAnyOrder) { EXPECT_EQ(FindBadOrder<OneshotCase>(), ""); }

TEST(OneshotTest, PlainThreadsWaitForOneAnother) {
  for (int i = 0; i < 200; ++i) {
    ValueCounts counts;
    auto [sender, receiver] = Channel::Make();
    std::thread thread([&counts, i, sender = std::move(sender)]() mutable {
      if (i % 4 != 3) EXPECT_TRUE(sender.Send(MoveOnly(counts, i)).ok());
      sender = {};
    });
    auto value = receiver.BlockingTake();
    EXPECT_EQ(value.ok() ? value->number() : -value.error(), i % 4 != 3 ? i : -EPIPE);
    thread.join();
  }
}

// Tasks on two workers ask, tasks on the other answer.
Task<void> Answer(Oneshot<int>::Sender sender, int value) {
  EXPECT_TRUE(sender.Send(value).ok());
  co_return;
}
Task<void> StormMain(TestRuntime& runtime) {
  int64_t sum = 0;
  TaskGroup group(runtime.handle());
  for (int i = 0; i < 20'000; ++i) {
    auto [sender, receiver] = Oneshot<int>::Make();
    group.Spawn(Answer(std::move(sender), i), runtime.worker(static_cast<uint32_t>(i) % 2));
    auto value = co_await receiver;
    EXPECT_TRUE(value.ok());
    sum += *value;
  }
  co_await group.Join();
  EXPECT_EQ(sum, int64_t{19'999} * 20'000 / 2);
}
TEST(OneshotTest, TwoWorkersAskAndAnswer) {
  TestRuntime runtime(2);
  runtime.Run(StormMain(runtime));
}

using OneshotDeathTest = ::testing::Test;
TEST(OneshotDeathTest, MisuseIsToldWhatToDo) {
  auto [sender, receiver] = Oneshot<int>::Make();
  ASSERT_TRUE(sender.Send(1).ok());
  EXPECT_DEATH((void)sender.Send(2), "make a oneshot for each value");
  ASSERT_TRUE(receiver.TryTake().ok());
  EXPECT_DEATH((void)receiver.TryTake(), "has brought its value");
}
Task<void> TwiceMain() {
  auto [sender, receiver] = Oneshot<int>::Make();
  (void)co_await Join(receiver, receiver);
}
TEST(OneshotDeathTest, OneReceiveAtATime) {
  EXPECT_DEATH(TestRuntime(1).Run(TwiceMain()), "await it once");
}
Task<void> BlockMain() {
  auto [sender, receiver] = Oneshot<int>::Make();
  (void)receiver.BlockingTake();
  co_return;
}
TEST(OneshotDeathTest, AWorkerDoesNotBlock) {
  EXPECT_DEATH(TestRuntime(1).Run(BlockMain()), "co_await the channel");
}

}  // namespace
}  // namespace sluice::core::testing
