// Merge: items as they come, fairness, ends, cuts, and stops.
#include "core/streams/merge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ranges>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/streams/consume.h"
#include "core/streams/from_channel.h"
#include "core/streams/from_interval.h"
#include "core/streams/from_range.h"
#include "core/streams/generator.h"
#include "core/streams/map.h"
#include "core/streams/take.h"
#include "core/sync/mpsc.h"
#include "core/task/select.h"
#include "core/testing/fixture.h"
#include "core/testing/probe.h"
#include "core/time/interval.h"
#include "core/time/now.h"
#include "core/time/sleep.h"

namespace sluice::core::testing {
namespace {

class MergeTest : public OneWorkerTest {};
using Ints = std::vector<int>;

Generator<int> Every(Duration period, int value, int times) {
  for (int i = 0; i < times; ++i) {
    (void)co_await Sleep(period);
    co_yield value;
  }
}

TEST_F(MergeTest, AsTheyComeAndNoneIsCutShort) {
  Run([]() -> Task<void> {
    auto merged = Every(2s, 2, 2) | Merge(Every(3s, 3, 1));
    EXPECT_EQ(co_await (std::move(merged) | Collect()), (Ints{2, 3, 2}));
  });
  Run([]() -> Task<void> {
    const Instant begin = Now();
    Ints got = co_await (Every(2s, 2, 3) | Merge(Every(3s, 3, 2), Every(100s, 4, 1)) | Collect());
    EXPECT_EQ(got.back(), 4);
    std::ranges::sort(got);
    EXPECT_EQ(got, (Ints{2, 2, 2, 3, 3, 4}));
    EXPECT_EQ(Now() - begin, 100s);
  });
}

Task<void> FairMain() {
  const auto always = [](int value) {
    return ToStream(std::views::iota(0)) | Map([value](int) { return value; });
  };
  Ints got = co_await (always(1) | Merge(always(2), always(3)) | Take(3000) | Collect());
  for (const int value : {1, 2, 3}) EXPECT_GT(std::ranges::count(got, value), 500);
  const auto same = [&got](size_t at) {
    return std::ranges::count(got.begin() + at, got.begin() + at + 200, got[at]);
  };
  for (size_t at = 0; at + 200 <= got.size(); ++at) EXPECT_LT(same(at), 200);
}
TEST_F(MergeTest, OneThatAlwaysHasAnItemKeepsNoOtherBack) { Run(FairMain()); }

Task<void> EndsMain() {
  EXPECT_EQ(co_await (ToStream(Ints()) | Merge(ToStream(Ints())) | Collect()), Ints{});
  Ints left = {1, 2};
  auto merged = ToStream(Ints{3}) | Merge(ToStream(left));
  Ints got;
  while (auto item = co_await merged.Next()) got.push_back(*item);
  std::ranges::sort(got);
  EXPECT_EQ(got, (Ints{1, 2, 3}));
  EXPECT_TRUE((co_await merged.Next()).ended());
}
TEST_F(MergeTest, EndsWhenAllHaveEnded) { Run(EndsMain()); }

Task<void> CutMain() {
  auto [first, first_receiver] = Mpsc<int>::Make(1);
  auto [second, second_receiver] = Mpsc<int>::Make(1);
  auto merged = ToStream(std::move(first_receiver)) | Merge(ToStream(std::move(second_receiver)));
  for (int i = 0; i < 3; ++i) {
    Probe next([&] { return merged.Next(); });
    EXPECT_TRUE(co_await next.Pending());
    EXPECT_TRUE((co_await next.Cancel()).cancelled());
    EXPECT_TRUE(first.TrySend(i).ok());
    EXPECT_EQ(*co_await merged.Next(), i);
    EXPECT_TRUE(second.TrySend(10 + i).ok());
    EXPECT_EQ(*co_await merged.Next(), 10 + i);
  }
  co_await merged.Stop();
  EXPECT_TRUE((co_await merged.Next()).ended());
}
TEST_F(MergeTest, CutShortNothingIsLost) { Run(CutMain()); }

// A Next that begins in a cancelled scope and finds an item has nothing to cut short: the next one
// asks all that have none.
Task<void> Ready() { co_return; }
Task<void> FindsAnItemMain() {
  auto [first, first_receiver] = Mpsc<int>::Make(2);
  auto [second, second_receiver] = Mpsc<int>::Make(2);
  auto [silent, silent_receiver] = Mpsc<int>::Make(1);
  auto merged = ToStream(std::move(first_receiver)) |
                Merge(ToStream(std::move(second_receiver)), ToStream(std::move(silent_receiver)));
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(first.TrySend(i).ok());
    EXPECT_TRUE(second.TrySend(10 + i).ok());
  }
  EXPECT_EQ(*co_await merged.Next(), 0);
  auto outcome = co_await Select(Named<"ready">(Ready()), Named<"item">(merged.Next()));
  EXPECT_EQ(*outcome.Get<"item">(), 10);
  Probe next([&] { return merged.Next(); });
  EXPECT_TRUE(co_await next.Ready());
  EXPECT_TRUE(*co_await next.Cancel());
  co_await merged.Stop();
}
TEST_F(MergeTest, OneThatFindsAnItemCutsNothingShort) { Run(FindsAnItemMain()); }

Generator<int> Throws() {
  (void)co_await Sleep(1s);
  throw std::runtime_error("one");
  co_yield 0;
}
Task<void> ThrowMain() {
  auto merged = Throws() | Merge(Every(2s, 7, 1));
  bool thrown = false;
  try {
    (void)co_await merged.Next();
  } catch (const std::runtime_error&) {
    thrown = true;
  }
  EXPECT_TRUE(thrown);
  EXPECT_EQ(*co_await merged.Next(), 7);
  EXPECT_TRUE((co_await merged.Next()).ended());
}
TEST_F(MergeTest, AnExceptionLeavesTheOthers) { Run(ThrowMain()); }

Task<void> StopMain() {
  const Instant begin = Now();
  const auto first = co_await (Every(1h, 1, 1) | Merge(Every(1s, 2, 9)) | Take(1) | Collect());
  EXPECT_EQ(first, Ints{2});
  EXPECT_EQ(Now() - begin, 1s);
}
TEST_F(MergeTest, TakeStopsIt) { Run(StopMain()); }

Task<void> LeftMain() {
  auto merged = Every(1s, 1, 2) | Merge(Every(9s, 2, 1));
  (void)co_await merged.Next();
}
TEST(MergeDeathTest, ItIsNotLeftWhileSomethingRuns) {
  EXPECT_DEATH((void)Testbed().Run(LeftMain()), "await Stop\\(\\) before a stream goes");
}

}  // namespace
}  // namespace sluice::core::testing
