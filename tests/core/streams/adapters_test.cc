// Adapters of one item at a time: what they bring, in which order, what they hold, and what they
// do to the stream under them.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/streams/buffered.h"
#include "core/streams/chunks.h"
#include "core/streams/consume.h"
#include "core/streams/from_channel.h"
#include "core/streams/from_interval.h"
#include "core/streams/from_range.h"
#include "core/streams/generator.h"
#include "core/streams/map.h"
#include "core/streams/pipe.h"
#include "core/streams/take.h"
#include "core/streams/zip.h"
#include "core/sync/mpsc.h"
#include "core/testing/fixture.h"
#include "core/testing/probe.h"
#include "core/time/interval.h"
#include "core/time/now.h"
#include "core/time/sleep.h"

namespace sluice::core::testing {
namespace {

class AdaptersTest : public OneWorkerTest {};
using Ints = std::vector<int>;

auto UpTo(int most) { return ToStream(std::views::iota(1, most + 1)); }
bool IsEven(int number) { return number % 2 == 0; }

Task<void> MapMain() {
  EXPECT_EQ(co_await (UpTo(3) | Map([](int n) { return n * n; }) | Collect()), (Ints{1, 4, 9}));
  const auto text = co_await (UpTo(2) | Map([](int n) { return std::to_string(n); }) | Collect());
  EXPECT_EQ(text, (std::vector<std::string>{"1", "2"}));
  const Instant begin = Now();
  const auto slowly = [](int n) -> Task<int> {
    (void)co_await Sleep(1s);
    co_return n + 1;
  };
  EXPECT_EQ(co_await (UpTo(3) | Map(slowly) | Collect()), (Ints{2, 3, 4}));
  EXPECT_EQ(Now() - begin, 3s);
  // What can only be moved; a pointer to a member; nothing.
  auto owned = UpTo(2) | Map([](int n) { return std::make_unique<int>(n); });
  EXPECT_EQ(co_await (std::move(owned) | Map([](auto n) { return *n + 1; }) | Collect()),
            (Ints{2, 3}));
  int sum = 0;
  EXPECT_EQ((co_await (UpTo(3) | Map([&](int n) { sum += n; }) | Collect())).size(), 3u);
  EXPECT_EQ(sum, 6);
  const auto sleeping = [](int) { return Sleep(1s); };
  EXPECT_EQ(co_await (UpTo(2) | Map(sleeping) | Collect()), (std::vector<bool>{true, true}));
}
TEST_F(AdaptersTest, MapOfAnyCallable) { Run(MapMain()); }

Task<void> MapThrowsMain() {
  auto numbers = UpTo(3) | Map([](int n) {
                   if (n == 2) throw std::runtime_error("two");
                   return n;
                 });
  EXPECT_EQ(*co_await numbers.Next(), 1);
  bool thrown = false;
  try {
    (void)co_await numbers.Next();
  } catch (const std::runtime_error&) {
    thrown = true;
  }
  EXPECT_TRUE(thrown);
  EXPECT_EQ(*co_await numbers.Next(), 3);
}
TEST_F(AdaptersTest, AnExceptionTakesThePlaceOfItsItem) { Run(MapThrowsMain()); }

Task<void> FilterMain() {
  EXPECT_EQ(co_await (UpTo(6) | Filter(IsEven) | Collect()), (Ints{2, 4, 6}));
  const auto slowly = [](const int& n) -> Task<bool> { co_return co_await Sleep(1s) && IsEven(n); };
  EXPECT_EQ(co_await (UpTo(5) | Filter(slowly) | Collect()), (Ints{2, 4}));

  // Cut short in the predicate the item is kept.
  int asked = 0;
  auto numbers = UpTo(2) | Filter([&](const int&) -> Task<bool> {
                   ++asked;
                   co_return co_await Sleep(1s);
                 });
  Probe next([&] { return numbers.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_TRUE((co_await next.Cancel()).cancelled());
  Probe never_begun([&] { return numbers.Next(); });
  EXPECT_TRUE((co_await never_begun.Cancel()).cancelled());
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(*co_await numbers.Next(), 1);
  EXPECT_EQ(*co_await numbers.Next(), 2);
  EXPECT_EQ(asked, 3);
}
TEST_F(AdaptersTest, FilterAsksAgainAfterItWasCutShort) { Run(FilterMain()); }

// The same of a predicate that throws when it is cut short.
template <typename Piece>
Task<void> PredicateThrowsMain(Piece piece) {
  auto numbers = UpTo(2) | std::move(piece);
  Probe next([&] { return numbers.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_THROW((void)co_await next.Cancel(), Cancelled);
  EXPECT_EQ(*co_await numbers.Next(), 1);
  EXPECT_EQ(*co_await numbers.Next(), 2);
}
TEST_F(AdaptersTest, AnItemIsKeptWhosePredicateThrewWhenItWasCutShort) {
  const auto sleeps = [](const int&) -> Task<bool> {
    if (!co_await Sleep(1s)) throw Cancelled();
    co_return true;
  };
  Run(PredicateThrowsMain(Filter(sleeps)));
  Run(PredicateThrowsMain(TakeWhile(sleeps)));
}

Task<void> TakeMain() {
  EXPECT_EQ(co_await (UpTo(5) | Take(2) | Collect()), (Ints{1, 2}));
  EXPECT_EQ(co_await (UpTo(2) | Take(5) | Collect()), (Ints{1, 2}));
  EXPECT_EQ(co_await (UpTo(2) | Take(0) | Collect()), Ints{});
  EXPECT_EQ(co_await (UpTo(5) | Skip(3) | Collect()), (Ints{4, 5}));
  EXPECT_EQ(co_await (UpTo(5) | Skip(9) | Collect()), Ints{});
  auto numbers = UpTo(9);  // an lvalue is borrowed, and nothing is taken ahead of it
  EXPECT_EQ(co_await (numbers | Take(2) | Collect()), (Ints{1, 2}));
  EXPECT_EQ(co_await (numbers | TakeWhile([](int n) { return n < 5; }) | Collect()), (Ints{3, 4}));
  EXPECT_EQ(co_await (numbers | Collect()), (Ints{6, 7, 8, 9}));
  auto few = UpTo(9) |
             TakeWhile([](const int& n) -> Task<bool> { co_return co_await Sleep(1s) && n < 2; });
  Probe next([&] { return few.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_TRUE((co_await next.Cancel()).cancelled());
  EXPECT_EQ(*co_await few.Next(), 1);
  EXPECT_TRUE((co_await few.Next()).ended());
  EXPECT_TRUE((co_await few.Next()).ended());
}
TEST_F(AdaptersTest, TakeAndSkip) { Run(TakeMain()); }

// Counts how often it was stopped.
struct Stoppable {
  Task<Item<int>> Next() { co_return ++number; }
  Task<void> Stop() {
    ++*stops;
    co_return;
  }
  int* stops;
  int number = 0;
};
Task<void> StopMain() {
  int stops = 0;
  EXPECT_EQ(co_await (Stoppable{&stops} | Take(2) | Collect()), (Ints{1, 2}));
  EXPECT_GE(std::exchange(stops, 0), 1);
  auto taken = Stoppable{&stops} | Filter(IsEven) | Take(1);
  EXPECT_EQ(*co_await taken.Next(), 2);
  EXPECT_EQ(stops, 0);
  EXPECT_TRUE((co_await taken.Next()).ended());
  EXPECT_EQ(std::exchange(stops, 0), 1);
  (void)co_await (Stoppable{&stops} | TakeWhile([](int n) { return n < 3; }) | Collect());
  EXPECT_GE(std::exchange(stops, 0), 1);
  (void)co_await (UpTo(1) | Zip(Stoppable{&stops}) | Collect());
  EXPECT_GE(std::exchange(stops, 0), 1);
  (void)co_await (UpTo(1) | Chain(Stoppable{&stops}) | Take(2) | Chunks(2) | Collect());
  EXPECT_GE(std::exchange(stops, 0), 1);
  Stoppable borrowed{&stops};
  EXPECT_EQ(co_await (borrowed | Take(2) | Collect()), (Ints{1, 2}));
  EXPECT_EQ(stops, 0);
  EXPECT_EQ(*co_await borrowed.Next(), 3);
}
TEST_F(AdaptersTest, WhatEndsEarlyStopsWhatItOwns) { Run(StopMain()); }

Task<void> ZipMain() {
  const auto pairs = co_await (UpTo(3) | Zip(ToStream(std::string("ab"))) | Collect());
  EXPECT_EQ(pairs, (std::vector<std::pair<int, char>>{{1, 'a'}, {2, 'b'}}));
  EXPECT_EQ((co_await (UpTo(2) | Zip(UpTo(9)) | Collect())).size(), 2u);
  EXPECT_EQ(co_await (UpTo(2) | Chain(UpTo(1)) | Chain(UpTo(0)) | Collect()), (Ints{1, 2, 1}));

  // The first of a pair is held while the second does not come.
  auto [sender, receiver] = Mpsc<int>::Make(1);
  auto numbers = UpTo(9);
  auto zipped = numbers | Zip(ToStream(std::move(receiver)));
  for (int i = 1; i <= 2; ++i) {
    Probe next([&] { return zipped.Next(); });
    EXPECT_TRUE(co_await next.Pending());
    EXPECT_TRUE((co_await next.Cancel()).cancelled());
  }
  EXPECT_TRUE(sender.TrySend(7).ok());
  EXPECT_EQ(*co_await zipped.Next(), std::pair(1, 7));
  // A chain that was cut short is not at the end of its first stream.
  auto chained = zipped | Map([](auto pair) { return pair.first; }) | Chain(UpTo(1));
  Probe next([&] { return chained.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_TRUE((co_await next.Cancel()).cancelled());
  sender = {};
  EXPECT_EQ(*co_await chained.Next(), 1);
  EXPECT_EQ(*co_await numbers.Next(), 3);  // one was dropped when its partner did not come
}
TEST_F(AdaptersTest, ZipAndChain) { Run(ZipMain()); }

Task<void> ChunksMain() {
  EXPECT_EQ(co_await (UpTo(5) | Chunks(2) | Collect()), (std::vector<Ints>{{1, 2}, {3, 4}, {5}}));
  EXPECT_EQ(co_await (UpTo(4) | Chunks(2) | Collect()), (std::vector<Ints>{{1, 2}, {3, 4}}));
  EXPECT_EQ(co_await (UpTo(0) | Chunks(2) | Collect()), std::vector<Ints>{});
  auto [sender, receiver] = Mpsc<int>::Make(2);
  auto chunks = ToStream(std::move(receiver)) | Chunks(2);
  EXPECT_TRUE(sender.TrySend(1).ok());
  Probe next([&] { return chunks.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_TRUE((co_await next.Cancel()).cancelled());
  EXPECT_TRUE(sender.TrySend(2).ok() && sender.TrySend(3).ok());
  EXPECT_EQ(*co_await chunks.Next(), (Ints{1, 2}));
  sender = {};
  EXPECT_EQ(*co_await chunks.Next(), Ints{3});
  EXPECT_TRUE((co_await chunks.Next()).ended());
}
TEST_F(AdaptersTest, ChunksHoldWhatTheyHave) { Run(ChunksMain()); }

Task<void> ThrottleMain() {
  const Instant begin = Now();
  auto slow = UpTo(9) | Throttle(10s) | Map([=](int n) { return std::pair(n, Now() - begin); });
  EXPECT_EQ(*co_await slow.Next(), std::pair(1, Duration(0s)));
  EXPECT_EQ(*co_await slow.Next(), std::pair(2, Duration(10s)));
  (void)co_await Sleep(1min);
  EXPECT_EQ(*co_await slow.Next(), std::pair(3, Duration(70s)));
  Probe next([&] { return slow.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_TRUE((co_await next.Cancel()).cancelled());
  EXPECT_EQ(*co_await slow.Next(), std::pair(4, Duration(80s)));
}
TEST_F(AdaptersTest, ThrottleKeepsItemsApart) { Run(ThrottleMain()); }

Task<void> PieceMain() {
  auto squares_of_even = Filter(IsEven) | Map([](int n) { return n * n; });
  EXPECT_EQ(co_await (UpTo(5) | squares_of_even | Collect()), (Ints{4, 16}));
  EXPECT_EQ(co_await (UpTo(3) | squares_of_even | Chunks(1) | Collect()), std::vector<Ints>{{4}});
  const auto numbered = StreamPiece(
      [](auto stream) { return std::move(stream) | Zip(ToStream(std::views::iota(0))); });
  EXPECT_EQ(co_await (ToStream(std::string("a")) | numbered | Collect()),
            (std::vector<std::pair<char, int>>{{'a', 0}}));
}
TEST_F(AdaptersTest, PiecesMakePieces) { Run(PieceMain()); }

// The pipeline of the founding texts: 50 results, sum 171,700, ten at once.
Task<void> PipelineMain() {
  const Instant begin = Now();
  const auto square = [](int n) -> Task<int64_t> {
    (void)co_await Sleep(100ms);
    co_return int64_t{n} * n;
  };
  const auto squares =
      co_await (UpTo(100) | Filter(IsEven) | BufferUnordered(10, square) | Collect());
  EXPECT_EQ(squares.size(), 50u);
  EXPECT_EQ(co_await (ToStream(squares) | Fold(int64_t{0}, std::plus<>())), 171'700);
  EXPECT_EQ(Now() - begin, 500ms);
}
TEST_F(AdaptersTest, APipeline) { Run(PipelineMain()); }

TEST(AdaptersDeathTest, WhatHasNoSense) {
  EXPECT_DEATH((void)Chunks(0), "a chunk has at least one item");
  EXPECT_DEATH((void)Throttle(0s), "at least a nanosecond");
  EXPECT_DEATH((void)BufferUnordered(0), "with 0 calls at a time nothing begins");
}

}  // namespace
}  // namespace sluice::core::testing
