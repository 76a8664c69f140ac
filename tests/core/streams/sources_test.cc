// Sources: ranges, Unfold, channels, intervals; and that a cancelled Next has taken nothing.
#include <gtest/gtest.h>

#include <array>
#include <list>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/runtime/spawn.h"
#include "core/streams/from_channel.h"
#include "core/streams/from_interval.h"
#include "core/streams/from_range.h"
#include "core/streams/stream.h"
#include "core/sync/broadcast.h"
#include "core/sync/mpmc.h"
#include "core/sync/mpsc.h"
#include "core/sync/watch.h"
#include "core/task/yield.h"
#include "core/testing/fixture.h"
#include "core/testing/probe.h"
#include "core/time/interval.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "tests/core/support/cancel_driver.h"
#include "tests/core/support/slots.h"

namespace sluice::core::testing {
namespace {

class SourcesTest : public OneWorkerTest {};

template <Stream S>
Task<std::vector<StreamValue<S>>> All(S stream) {
  std::vector<StreamValue<S>> all;
  while (auto item = co_await stream.Next()) all.push_back(*std::move(item));
  EXPECT_TRUE((co_await stream.Next()).ended());
  co_return all;
}
using Ints = std::vector<int>;

Task<void> RangesMain() {
  EXPECT_EQ(co_await All(ToStream(Ints{1, 2, 3})), (Ints{1, 2, 3}));
  EXPECT_EQ(co_await All(ToStream(Ints{})), Ints{});
  EXPECT_EQ(co_await All(ToStream(std::array{4, 5})), (Ints{4, 5}));
  EXPECT_EQ(co_await All(ToStream(std::views::iota(1, 4))), (Ints{1, 2, 3}));
  EXPECT_EQ(co_await All(ToStream(std::string("ab"))), (std::vector{'a', 'b'}));

  std::list<std::string> texts = {"one", "two"};
  EXPECT_EQ(co_await All(ToStream(texts)), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(texts.front(), "one");  // was copied
  EXPECT_EQ(co_await All(ToStream(texts | std::views::drop(1))), std::vector<std::string>{"two"});
  EXPECT_EQ(texts.back(), "two");

  std::vector<std::unique_ptr<int>> owned;
  owned.push_back(std::make_unique<int>(7));
  auto moved = ToStream(std::move(owned));
  auto moved_again = std::move(moved);
  EXPECT_EQ(**co_await moved_again.Next(), 7);

  auto array = ToStream(std::array{1, 2, 3});
  EXPECT_EQ(*co_await array.Next(), 1);
  auto moved_between = std::move(array);
  EXPECT_EQ(*co_await moved_between.Next(), 2);
}
TEST_F(SourcesTest, ElementsOfARange) { Run(RangesMain()); }

Task<void> UnfoldMain() {
  const auto doubled = [](int& next) -> std::optional<int> {
    if (next > 100) return std::nullopt;
    return std::exchange(next, 2 * next);
  };
  EXPECT_EQ(co_await All(Unfold(10, doubled)), (Ints{10, 20, 40, 80}));
  const Instant begin = Now();
  const auto slowly = [](int& next) -> Task<std::optional<int>> {
    (void)co_await Sleep(1s);
    if (next == 0) co_return std::nullopt;
    co_return next--;
  };
  EXPECT_EQ(co_await All(Unfold(2, slowly)), (Ints{2, 1}));
  EXPECT_EQ(Now() - begin, 3s);

  auto nothing_in_time = Unfold(7, [](int& state) -> Task<std::optional<int>> {
    if (!co_await Sleep(1s)) co_return std::nullopt;
    co_return state;
  });
  Probe next([&] { return nothing_in_time.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_TRUE((co_await next.Cancel()).cancelled());
  EXPECT_EQ(*co_await nothing_in_time.Next(), 7);  // that was not the end
}
TEST_F(SourcesTest, UnfoldAsksAgainAfterItWasCutShort) { Run(UnfoldMain()); }

Task<void> CancelledMain() {
  Ints numbers = {1, 2};
  auto stream = ToStream(numbers);
  Probe next([&] { return stream.Next(); });
  EXPECT_TRUE((co_await next.Cancel()).cancelled());
  EXPECT_EQ(*co_await stream.Next(), 1);
}
TEST_F(SourcesTest, InACancelledScopeNothingIsTaken) { Run(CancelledMain()); }

Task<void> EndlessMain() {
  bool stop = false;
  JoinHandle<int> counts = Spawn([](bool& stop) -> Task<int> {
    auto numbers = ToStream(std::views::iota(1));
    int last = 0;
    while (!stop) last = *co_await numbers.Next();
    co_return last;
  }(stop));
  for (int i = 0; i < 3; ++i) co_await Yield();  // it comes back: the others have had enough
  stop = true;
  EXPECT_GT((co_await std::move(counts)).value(), 100);
}
TEST_F(SourcesTest, OneThatNeverWaitsGivesWay) { Run(EndlessMain()); }

Task<void> ChannelsMain() {
  auto [sender, receiver] = Mpsc<int>::Make(2);
  EXPECT_TRUE(sender.TrySend(1).ok() && sender.TrySend(2).ok());
  auto borrowed = ToStream(receiver);
  EXPECT_EQ(*co_await borrowed.Next(), 1);
  sender = {};
  EXPECT_EQ(co_await All(ToStream(std::move(receiver))), Ints{2});

  auto [many, shared] = Mpmc<int>::Make(2);
  EXPECT_TRUE(many.TrySend(3).ok() && many.TrySend(4).ok());
  many = {};
  EXPECT_EQ(co_await All(ToStream(shared)), (Ints{3, 4}));

  auto [room, member] = Broadcast<int>::Make(2);
  for (int i = 0; i < 5; ++i) room.Send(i);
  room = {};
  auto lines = co_await All(ToStream(std::move(member)));
  EXPECT_EQ(lines.size(), 3u);
  EXPECT_EQ(std::get<Lagged>(lines.at(0)).missed, 3u);
  EXPECT_EQ(std::get<int>(lines.at(2)), 4);

  auto [setter, watcher] = Watch<int>::Make(0);
  setter.Send(1);
  setter.Send(2);
  auto states = ToStream(watcher);
  EXPECT_EQ(*co_await states.Next(), 2);
  Probe next([&] { return states.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  setter.Send(3);
  setter = {};
  EXPECT_TRUE(co_await next.Ready());
  EXPECT_EQ(*next.Take(), 3);
  EXPECT_TRUE((co_await states.Next()).ended());
}
TEST_F(SourcesTest, WhatChannelsBringAndTheirEnd) { Run(ChannelsMain()); }

Task<void> IntervalMain() {
  const Instant begin = Now();
  auto ticks = ToStream(Interval(30s));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*co_await ticks.Next() - begin, i * 30s);
  Probe next([&] { return ticks.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_TRUE((co_await next.Cancel()).cancelled());
  EXPECT_EQ(*co_await ticks.Next() - begin, 90s);
}
TEST_F(SourcesTest, TicksOfAnInterval) { Run(IntervalMain()); }

// Every order of grants and cancellations: a value is either got or still there.
template <typename Channel>
struct ReceiveCase {
  Task<bool> Wait(int) {
    auto stream = ToStream(receiver);
    co_return bool(co_await stream.Next());
  }
  void Grant(int i) { EXPECT_TRUE(sender.TrySend(i).ok()); }
  std::string Check(const CancelRun& run) {
    const int left = static_cast<int>(receiver.size());
    if (run.got + left != run.given) return "a value was lost or doubled";
    return run.waiting > 0 && left > 0 ? "one waits though there is a value" : "";
  }

  explicit ReceiveCase(
      std::pair<typename Channel::Sender, typename Channel::Receiver> ends = Channel::Make(2))
      : sender(std::move(ends.first)), receiver(std::move(ends.second)) {}
  typename Channel::Sender sender;
  typename Channel::Receiver receiver;
};
TEST(SourceOrdersTest, Channel) { EXPECT_EQ(FindBadOrder<ReceiveCase<Mpmc<int>>>(), ""); }

struct UnfoldCase {
  Task<bool> Wait(int) {
    auto stream = Unfold(0, [this](int&) -> Task<std::optional<int>> {
      if (!co_await slots.Take()) co_return std::nullopt;
      co_return 1;
    });
    co_return bool(co_await stream.Next());
  }
  void Grant(int) { slots.Give(); }
  std::string Check(const CancelRun& run) {
    int left = 0;
    while (slots.TryTake()) ++left;
    for (int i = 0; i < left; ++i) slots.Give();
    if (run.got + left != run.given) return "a slot was lost or doubled";
    return run.waiting > 0 && left > 0 ? "one waits though there is a slot" : "";
  }

  Slots slots{0};
};
TEST(SourceOrdersTest, Unfold) { EXPECT_EQ(FindBadOrder<UnfoldCase>(), ""); }

}  // namespace
}  // namespace sluice::core::testing
