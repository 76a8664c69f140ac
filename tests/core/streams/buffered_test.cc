// BufferUnordered and Buffered: how many run, orders, exceptions, cuts, stops, and bounds.
#include "core/streams/buffered.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/streams/consume.h"
#include "core/streams/from_channel.h"
#include "core/streams/from_range.h"
#include "core/streams/generator.h"
#include "core/streams/take.h"
#include "core/sync/mpsc.h"
#include "core/task/select.h"
#include "core/task/yield.h"
#include "core/testing/fixture.h"
#include "core/testing/frame_ledger.h"
#include "core/testing/probe.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "tests/core/support/virtual_time.h"

namespace sluice::core::testing {
namespace {

class BufferedTest : public OneWorkerTest {};
using Ints = std::vector<int>;

// Calls that take as many seconds as their number says; -n when it was cut short.
struct Calls {
  Task<int> operator()(int number) {
    most = std::max(most, ++running);
    ++begun;
    const bool slept = co_await Sleep(number * 1s);
    --running;
    if (throws_at == number) throw std::runtime_error("thrown");
    co_return slept ? number : -number;
  }
  int running = 0;
  int most = 0;
  int begun = 0;
  int throws_at = -1;
};

Task<void> OrdersMain() {
  const Ints seconds = {3, 1, 2, 1};
  Calls calls;
  const Instant begin = Now();
  EXPECT_EQ(co_await (ToStream(seconds) | BufferUnordered(2, std::ref(calls)) | Collect()),
            (Ints{1, 3, 2, 1}));
  EXPECT_EQ(Now() - begin, 4s);
  EXPECT_EQ(calls.most, 2);
  EXPECT_EQ(co_await (ToStream(seconds) | Buffered(2, std::ref(calls)) | Collect()),
            (Ints{3, 1, 2, 1}));
  EXPECT_EQ(calls.most, 2);
  EXPECT_EQ(co_await (ToStream(seconds) | BufferUnordered(99, std::ref(calls)) | Collect()),
            (Ints{1, 1, 2, 3}));
  EXPECT_EQ(calls.most, 4);
  EXPECT_EQ(co_await (ToStream(Ints()) | Buffered(9, std::ref(calls)) | Collect()), Ints{});
}
TEST_F(BufferedTest, SoManyAtATimeInEitherOrder) { Run(OrdersMain()); }

// Also where each gives way as soon as it has begun.
Task<void> GiveWayMain() {
  int running = 0;
  int most = 0;
  const auto give_way = [&](int) -> Task<void> {
    most = std::max(most, ++running);
    co_await Yield();
    --running;
  };
  (void)co_await (ToStream(std::views::iota(0, 20)) | BufferUnordered(5, give_way) | Collect());
  EXPECT_EQ(most, 5);
}
TEST_F(BufferedTest, SoManyThatGiveWay) { Run(GiveWayMain()); }

Task<void> TasksMain() {
  Calls calls;
  std::vector<Task<int>> tasks;
  for (const int number : {2, 1}) tasks.push_back(calls(number));
  EXPECT_EQ(co_await (ToStream(std::move(tasks)) | BufferUnordered(2) | Collect()), (Ints{1, 2}));
  // Of calls that do not wait, that bring nothing, or something to move.
  const auto at_once = [](int n) -> Task<std::unique_ptr<int>> {
    co_return std::make_unique<int>(n);
  };
  const auto owned =
      co_await (ToStream(std::views::iota(0, 100)) | BufferUnordered(3, at_once) | Collect());
  EXPECT_EQ(owned.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(*owned[i], i);
  int sum = 0;
  const auto add = [&sum](int n) -> Task<void> {
    sum += n;
    co_return;
  };
  EXPECT_EQ((co_await (ToStream(Ints{1, 2}) | Buffered(2, add) | Collect())).size(), 2u);
  EXPECT_EQ(sum, 3);
}
TEST_F(BufferedTest, OfAnyAwaitable) { Run(TasksMain()); }

// While the stream has nothing, results come; and the other way round.
Task<void> SourceMain() {
  auto [sender, receiver] = Mpsc<int>::Make(9);
  Calls calls;
  auto results = ToStream(std::move(receiver)) | BufferUnordered(2, std::ref(calls));
  EXPECT_TRUE(sender.TrySend(5).ok());
  EXPECT_EQ(*co_await results.Next(), 5);
  Probe next([&] { return results.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_TRUE(sender.TrySend(5).ok());
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_TRUE(sender.TrySend(1).ok());  // begins while another runs
  (void)co_await Sleep(1s);
  EXPECT_TRUE(co_await next.Ready());
  EXPECT_EQ(*next.Take(), 1);
  (void)co_await Sleep(1h);  // what runs goes on while the consumer does something else
  EXPECT_EQ(calls.running, 0);
  const Instant begin = Now();
  EXPECT_EQ(*co_await results.Next(), 5);
  EXPECT_EQ(Now(), begin);
  sender = {};
  EXPECT_TRUE((co_await results.Next()).ended());
  EXPECT_TRUE((co_await results.Next()).ended());
}
TEST_F(BufferedTest, WaitsForItemsAndForResultsAtTheSameTime) { Run(SourceMain()); }

// A slow first call: no more than `most` items are taken, though others have ended.
Task<void> BoundMain() {
  Ints numbers(100, 0);
  numbers[0] = 9;
  int taken = 0;
  Calls calls;
  auto counted = [&]() -> Generator<int> {
    for (const int number : numbers) {
      ++taken;
      co_yield number;
    }
  };
  auto in_order = counted() | Buffered(4, std::ref(calls));
  EXPECT_EQ(*co_await in_order.Next(), 9);
  EXPECT_EQ(taken, 4);
  EXPECT_EQ(*co_await in_order.Next(), 0);
  EXPECT_EQ(taken, 4);  // three were there: the next one was only handed over
  co_await in_order.Stop();
  taken = 0;
  auto as_they_end = counted() | BufferUnordered(4, std::ref(calls));
  EXPECT_EQ(*co_await as_they_end.Next(), 0);
  EXPECT_LE(taken, 4);
  co_await as_they_end.Stop();
}
TEST_F(BufferedTest, HoldsNoMoreThanSoMany) { Run(BoundMain()); }

template <typename Piece>
Task<void> ThrowMain(Piece piece, Calls& calls, Ints expected) {
  calls = Calls{.throws_at = 2};
  auto results = ToStream(Ints{1, 2, 3}) | std::move(piece);
  Ints got;
  for (bool ended = false; !ended;) {
    try {
      Item<int> item = co_await results.Next();
      ended = item.ended();
      if (item) got.push_back(*item);
    } catch (const std::runtime_error&) {
      got.push_back(0);
    }
  }
  EXPECT_EQ(got, expected);
}
TEST_F(BufferedTest, AnExceptionTakesThePlaceOfItsResult) {
  Calls calls;
  Run(ThrowMain(BufferUnordered(3, std::ref(calls)), calls, {1, 0, 3}));
  Run(ThrowMain(Buffered(1, std::ref(calls)), calls, {1, 0, 3}));
}

Generator<int> ThrowsAfterOne() {
  co_yield 1;
  throw std::runtime_error("source");
}
Task<void> SourceThrowsMain() {
  Calls calls;
  auto results = ThrowsAfterOne() | Buffered(3, std::ref(calls));
  EXPECT_EQ(*co_await results.Next(), 1);
  bool thrown = false;
  try {
    (void)co_await results.Next();
  } catch (const std::runtime_error&) {
    thrown = true;
  }
  EXPECT_TRUE(thrown);
  EXPECT_TRUE((co_await results.Next()).ended());
}
TEST_F(BufferedTest, AnExceptionOfTheStreamComesInItsPlace) { Run(SourceThrowsMain()); }

// Cut short: the results of the calls that ran, then cancelled; and it goes on.
template <typename Piece>
Task<void> CutMain(Piece piece, Calls& calls) {
  calls = {};
  auto results = ToStream(Ints{7, 8, 9, 1}) | std::move(piece);
  Probe next([&] { return results.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_EQ(calls.running, 2);
  EXPECT_EQ(*co_await next.Cancel(), -7);
  EXPECT_EQ(calls.running, 0);
  Probe again([&] { return results.Next(); });
  EXPECT_EQ(*co_await again.Cancel(), -8);
  EXPECT_EQ(calls.begun, 2);
  Probe third([&] { return results.Next(); });
  EXPECT_TRUE((co_await third.Cancel()).cancelled());
  Ints rest;
  while (auto item = co_await results.Next()) rest.push_back(*item);
  std::ranges::sort(rest);
  EXPECT_EQ(rest, (Ints{1, 9}));  // whole: they were not cut short
}
TEST_F(BufferedTest, CutShortItHandsOverWhatRanAndGoesOnLater) {
  Calls calls;
  Run(CutMain(BufferUnordered(2, std::ref(calls)), calls));
  Run(CutMain(Buffered(2, std::ref(calls)), calls));
}

// The same where the next Next is not in a cancelled scope: what was cut short comes first.
Task<void> CutThenGoOnMain() {
  Calls calls;
  auto results = ToStream(Ints{7, 8, 9}) | BufferUnordered(2, std::ref(calls));
  Probe next([&] { return results.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_EQ(*co_await next.Cancel(), -7);
  EXPECT_EQ(*co_await results.Next(), -8);
  EXPECT_EQ(*co_await results.Next(), 9);
  EXPECT_TRUE((co_await results.Next()).ended());
}
TEST_F(BufferedTest, OnlyWhatRanIsCutShort) { Run(CutThenGoOnMain()); }

// A source that hands over an item although it is cut short (law S1).
struct Late {
  Task<Item<int>> Next() {
    if (number == 2) co_return StreamEnd();
    if (number == 0) (void)co_await Sleep(1s);
    co_return ++number;
  }
  int number = 0;
};
template <typename Piece>
Task<void> ComesWithTheCutMain(Piece piece, Calls& calls) {
  calls = {};
  auto results = Late() | std::move(piece);
  Probe next([&] { return results.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_TRUE((co_await next.Cancel()).cancelled());
  EXPECT_EQ(calls.begun, 0);  // it could only have failed
  EXPECT_EQ(*co_await results.Next(), 1);
  EXPECT_EQ(*co_await results.Next(), 2);
  EXPECT_TRUE((co_await results.Next()).ended());
}
TEST_F(BufferedTest, AnItemThatComesWithTheCutWaitsForItsCall) {
  Calls calls;
  Run(ComesWithTheCutMain(BufferUnordered(2, std::ref(calls)), calls));
  Run(ComesWithTheCutMain(Buffered(2, std::ref(calls)), calls));
}

// The same of one that has come between two Nexts.
template <typename Piece>
Task<void> ComesBetweenMain(Piece piece, Calls& calls) {
  calls = {};
  auto [sender, receiver] = Mpsc<int>::Make(4);
  auto results = ToStream(std::move(receiver)) | std::move(piece);
  EXPECT_TRUE(sender.TrySend(1).ok());
  EXPECT_EQ(*co_await results.Next(), 1);  // two more may run, and wait for items
  EXPECT_TRUE(sender.TrySend(2).ok());
  EXPECT_TRUE(sender.TrySend(3).ok());
  (void)co_await Sleep(1ms);
  Probe next([&] { return results.Next(); });
  EXPECT_TRUE((co_await next.Cancel()).cancelled());
  EXPECT_EQ(*co_await results.Next(), 2);
  EXPECT_EQ(*co_await results.Next(), 3);
  sender = {};
  EXPECT_TRUE((co_await results.Next()).ended());
}
TEST_F(BufferedTest, AnItemThatComesBetweenWaitsForItsCall) {
  Calls calls;
  Run(ComesBetweenMain(BufferUnordered(3, std::ref(calls)), calls));
  Run(ComesBetweenMain(Buffered(3, std::ref(calls)), calls));
}

// A Next that begins in a cancelled scope and finds a result has nothing to cut short: what runs
// goes on, and more begins with the next one.
Task<void> Ready() { co_return; }
template <typename Piece>
Task<void> FindsAResultMain(Piece piece, Calls& calls) {
  calls = {};
  auto results = ToStream(Ints{1, 1, 1, 100, 2}) | std::move(piece);
  EXPECT_EQ(*co_await results.Next(), 1);
  (void)co_await Sleep(1ms);
  EXPECT_EQ(*co_await results.Next(), 1);
  auto outcome = co_await Select(Ready(), results.Next());
  EXPECT_EQ(*outcome.template Get<1>(), 1);
  Probe next([&] { return results.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_EQ(calls.begun, 5);
  EXPECT_EQ(calls.running, 2);
  (void)co_await next.Cancel();
  co_await results.Stop();
}
TEST_F(BufferedTest, OneThatFindsAResultCutsNothingShort) {
  Calls calls;
  Run(FindsAResultMain(BufferUnordered(4, std::ref(calls)), calls));
  Run(FindsAResultMain(Buffered(4, std::ref(calls)), calls));
}

// Between two Nexts what was asked for may come, and no more is.
template <typename Piece>
Task<void> AsksInNextOnlyMain(Piece piece, Calls& calls) {
  calls = {};
  auto [sender, receiver] = Mpsc<int>::Make(4);
  auto results = ToStream(receiver) | std::move(piece);
  EXPECT_TRUE(sender.TrySend(1).ok());
  EXPECT_EQ(*co_await results.Next(), 1);
  EXPECT_TRUE(sender.TrySend(2).ok());
  EXPECT_TRUE(sender.TrySend(3).ok());
  EXPECT_TRUE(sender.TrySend(4).ok());
  co_await Settle();
  EXPECT_EQ(calls.begun, 1);
  EXPECT_EQ(*receiver.TryNext(), 3);
  EXPECT_EQ(*co_await results.Next(), 2);
  EXPECT_EQ(*co_await results.Next(), 4);
  co_await results.Stop();
}
TEST_F(BufferedTest, AsksForItemsInANextOnly) {
  Calls calls;
  Run(AsksInNextOnlyMain(BufferUnordered(4, std::ref(calls)), calls));
  Run(AsksInNextOnlyMain(Buffered(4, std::ref(calls)), calls));
}

Task<void> StopMain() {
  Calls calls;
  auto results = ToStream(std::views::iota(1)) | BufferUnordered(3, std::ref(calls));
  EXPECT_EQ(*co_await results.Next(), 1);
  EXPECT_EQ(calls.running, 2);
  co_await results.Stop();
  EXPECT_EQ(calls.running, 0);
  EXPECT_TRUE((co_await results.Next()).ended());
  EXPECT_EQ(co_await (ToStream(std::views::iota(1)) | BufferUnordered(3, std::ref(calls)) |
                      Take(2) | Collect()),
            (Ints{1, 2}));
  EXPECT_EQ(calls.running, 0);
  {
    auto never_begun = ToStream(Ints{1}) | BufferUnordered(3, std::ref(calls));
  }
}
TEST_F(BufferedTest, StopEndsWhatRuns) { Run(StopMain()); }

Task<void> LeftMain() {
  Calls calls;
  auto results = ToStream(Ints{1, 2}) | BufferUnordered(2, std::ref(calls));
  (void)co_await results.Next();
}
TEST(BufferedDeathTest, ItIsNotLeftWhileSomethingRuns) {
  EXPECT_DEATH((void)Testbed().Run(LeftMain()), "await Stop\\(\\) before a stream goes");
}

// What has ended is gone when its result has been handed over, also where nothing ever waits.
Task<void> PileMain(const FrameLedger& ledger) {
  const auto at_once = [](int number) -> Task<int> { co_return number; };
  auto results = ToStream(std::views::iota(0)) | BufferUnordered(4, at_once);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(co_await results.Next());
  const size_t frames = ledger.left();
  for (int i = 20; i < 2000; ++i) EXPECT_TRUE(co_await results.Next());
  EXPECT_LT(ledger.left(), frames + 10);
  co_await results.Stop();
}
TEST(BufferedMemoryTest, NothingPilesUp) {
  const FrameLedger ledger;
  VirtualRuntime().Run(PileMain(ledger));
}

// In orders by chance: each number once.
Task<void> ShuffledMain() {
  const auto sleep = [](int number) -> Task<int> {
    for (int i = 0; i < number % 3; ++i) (void)co_await Sleep(1ms);
    co_return number;
  };
  auto all = ToStream(std::views::iota(0, 12)) | BufferUnordered(3, sleep) | Buffered(2, sleep);
  Ints got = co_await (std::move(all) | Collect());
  std::ranges::sort(got);
  EXPECT_EQ(got, (Ints{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
}
TEST(BufferedOrdersTest, Shuffled) {
  ForEachSeed(200, [](uint64_t seed) { RunShuffled(seed, ShuffledMain()); });
}

}  // namespace
}  // namespace sluice::core::testing
