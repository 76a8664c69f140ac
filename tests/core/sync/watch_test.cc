// Watch: the latest value; a change is seen once, however many were sent; closed both ways.
#include "core/sync/watch.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <thread>
#include <tuple>
#include <utility>

#include "core/runtime/task_group.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "tests/core/support/cancel_driver.h"
#include "tests/core/support/counted.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

constexpr auto kNumber = [](const MoveOnly& value) { return value.number(); };

TEST(WatchTest, HasTheLatestValueAndKnowsWhetherItWasSeen) {
  ValueCounts counts;
  auto [sender, receiver] = Watch<MoveOnly>::Make(MoveOnly(counts, 0));
  EXPECT_FALSE(receiver.has_changed());
  sender.Send(MoveOnly(counts, 1));
  sender.Send(MoveOnly(counts, 2));
  EXPECT_EQ(counts.alive, 1);
  auto late = sender.Subscribe();
  auto copy = receiver;
  EXPECT_FALSE(late.has_changed());
  EXPECT_TRUE(copy.has_changed());
  EXPECT_EQ(sender.receivers(), 3u);
  EXPECT_EQ(receiver.Borrow(kNumber), 2);
  EXPECT_TRUE(receiver.has_changed());
  EXPECT_EQ(receiver.BorrowAndUpdate(kNumber), 2);
  EXPECT_FALSE(receiver.has_changed());
  EXPECT_TRUE(copy.has_changed());
}

TEST(WatchTest, WhatWasNotModifiedTellsNoReceiver) {
  auto [sender, receiver] = Watch<int>::Make(5);
  EXPECT_FALSE(sender.SendIfModified([](int&) { return false; }));
  EXPECT_FALSE(receiver.has_changed());
  EXPECT_TRUE(sender.SendIfModified([](int& value) { return ++value == 6; }));
  EXPECT_TRUE(receiver.has_changed());
  EXPECT_EQ(receiver.Get(), 6);
  EXPECT_FALSE(receiver.has_changed());
  EXPECT_EQ(sender.Borrow([](const int& value) { return value; }), 6);
}

TEST(WatchTest, TheLastChangeComesBeforeTheEnd) {
  auto [sender, receiver] = Watch<int>::Make(0);
  sender.Send(1);
  {
    auto gone = std::move(sender);
  }
  EXPECT_TRUE(receiver.BlockingChanged().ok());
  EXPECT_EQ(receiver.BlockingChanged().error(), EPIPE);
  EXPECT_EQ(receiver.Get(), 1);
}

TEST(WatchTest, WithoutReceiversTheValueIsKept) {
  auto [sender, receiver] = Watch<int>::Make(0);
  {
    auto gone = std::move(receiver);
  }
  sender.Send(3);
  EXPECT_EQ(sender.Subscribe().Get(), 3);
}

Task<void> ChangedMain() {
  auto [sender, receiver] = Watch<int>::Make(0);
  std::string told;
  auto follow = [](Watch<int>::Receiver from, std::string& told) -> Task<void> {
    while ((co_await from.Changed()).ok()) told += std::to_string(from.Get());
    told += "e";
  };
  auto send = [](Watch<int>::Sender to) -> Task<void> {
    to.Send(1);
    to.Send(2);
    co_await Yield();
    EXPECT_FALSE(to.SendIfModified([](int&) { return false; }));
    co_await Yield();
    to.Send(3);
    co_await Yield();
    to = {};  // a parameter would live as long as the Join
  };
  co_await Join(follow(receiver, told), follow(receiver, told), send(std::move(sender)));
  EXPECT_EQ(told, "2233ee");
}
TEST(WatchTest, AReceiverWaitsForAChangeOrTheEnd) { TestRuntime(1).Run(ChangedMain()); }

Task<void> ClosedMain() {
  auto [sender, receiver] = Watch<int>::Make(0);
  auto copy = receiver;
  EXPECT_EQ((co_await Select(sender.Closed(), Yield())).Get<0>().error(), ECANCELED);
  auto drop = [](Watch<int>::Receiver& first, Watch<int>::Receiver& second) -> Task<void> {
    first = {};
    co_await Yield();
    second = {};
  };
  auto outcome = co_await Join(sender.Closed(), drop(receiver, copy));
  EXPECT_TRUE(std::get<0>(outcome).ok());
  EXPECT_TRUE((co_await sender.Closed()).ok());
}
TEST(WatchTest, ASenderIsToldWhenTheLastReceiverHasGone) { TestRuntime(1).Run(ClosedMain()); }

// What a cancelled Changed() has not seen, the next look sees.
struct WatchCase {
  WatchCase() {
    auto [first_sender, receiver] = Watch<int>::Make(0);
    sender = std::move(first_sender);
    receivers[0] = receiver;
    receivers[1] = std::move(receiver);
  }
  Task<bool> Wait(int i) {
    auto changed = co_await receivers[i].Changed();
    co_return changed.ok();
  }
  void Grant(int i) { sender.Send(i + 1); }
  std::string Check(const CancelRun& run) {
    for (int i = 0; i < 2; ++i) {
      if (run.begun[i] && !run.ended[i] && run.given > 0) return "one waits though it has changed";
      if (run.has_got[i] && run.given == 0) return "a change was made up";
      if (!run.has_got[i] && receivers[i].has_changed() != (run.given > 0)) {
        return "a change was lost";
      }
    }
    return "";
  }

  Watch<int>::Sender sender;
  Watch<int>::Receiver receivers[2];
};
TEST(WatchTest, NoChangeIsLostInAnyOrder) { EXPECT_EQ(FindBadOrder<WatchCase>(), ""); }

// Followers on two workers and in a plain thread see values that only grow, and the last one.
constexpr int kLast = 20'000;

Task<void> Follow(Watch<int>::Receiver receiver) {
  int seen = 0;
  for (;;) {
    auto outcome = co_await Select(receiver.Changed(), Yield());
    if (!outcome.Get<0>().ok()) {
      if (outcome.Get<0>().error() == EPIPE) break;
      continue;
    }
    const int now = receiver.Get();
    EXPECT_GE(now, seen);
    seen = now;
  }
  EXPECT_EQ(seen, kLast);
}
Task<void> StormMain(TestRuntime& runtime) {
  auto [sender, receiver] = Watch<int>::Make(0);
  TaskGroup group(runtime.handle());
  for (uint32_t i = 0; i < 4; ++i) group.Spawn(Follow(receiver), runtime.worker(i % 2));
  std::thread thread([receiver = std::move(receiver)]() mutable {
    int seen = 0;
    while (receiver.BlockingChanged().ok()) {
      const int now = receiver.Get();
      EXPECT_GE(now, seen);
      seen = now;
    }
    EXPECT_EQ(seen, kLast);
  });
  for (int i = 1; i <= kLast; ++i) {
    sender.Send(i);
    if (i % 5 == 0) co_await Yield();
  }
  {
    auto gone = std::move(sender);
  }
  co_await group.Join();
  thread.join();
}
TEST(WatchTest, TheLastValueReachesAllInAStorm) {
  TestRuntime runtime(2);
  runtime.Run(StormMain(runtime));
}

}  // namespace
}  // namespace sluice::core::testing
