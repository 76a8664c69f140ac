#include "proxy/observe/metric_table.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/base/counter.h"
#include "proxy/observe/stats.h"

namespace sluice::proxy {
namespace {

enum class Fruit { kApple, kPear, kNone };
enum class Size { kSmall, kLarge };
constexpr std::array<std::string_view, 3> kFruits = {"apple", "pear", ""};
constexpr std::array<std::string_view, 2> kSizes = {"small", "large"};
constexpr MetricLabel kFruit = {"fruit", kFruits};
constexpr MetricLabel kSize = {"size", kSizes};

// Each of these lines is all that there is to say of a metric.
// clang-format off
constexpr MetricRow kTable[] = {
    {.name = "baskets", .kind = MetricKind::kGauge, .always = "baskets", .help = "Baskets now."},
    {.name = "eaten_total", .if_any = "eaten_*", .labels = {{kSize, kFruit}}, .help = "Eaten."},
    {.name = "had_total", .always = "all", .if_any = "had_*", .labels = {{kFruit}}, .help = "Had."},
    {.name = "lost_total", .if_any = "lost", .help = "Lost on the way."},
    {.name = "quiet_total", .help = "In no line."},
};
// clang-format on

using Fruits = Metrics<kTable>;

std::string LineOf(const Fruits& fruits, uint64_t baskets) {
  MetricValues<kTable> values = fruits.Sum();
  values.at("baskets") = baskets;
  return StatsLine(kTable, values.all());
}

TEST(MetricTable, ARowDrivesTheSlotsTheSumAndTheLine) {
  Fruits fruits(2);
  EXPECT_EQ(LineOf(fruits, 3), "baskets=3 all=0");
  core::Count(fruits.of(0).at("had_total", Fruit::kPear), 2);
  core::Count(fruits.of(1).at("had_total", Fruit::kPear), 5);
  core::Count(fruits.of(1).at("had_total", Fruit::kApple));
  core::Count(fruits.of(0).at("eaten_total", Size::kSmall, Fruit::kApple));
  core::Count(fruits.of(1).at("eaten_total", Size::kLarge, Fruit::kApple), 3);
  core::Count(fruits.of(1).at("quiet_total"));
  EXPECT_EQ(LineOf(fruits, 0), "baskets=0 all=8 eaten_apple=4 had_apple=1 had_pear=7");
  core::Count(fruits.of(0).at("lost_total"));
  EXPECT_EQ(LineOf(fruits, 0), "baskets=0 all=8 eaten_apple=4 had_apple=1 had_pear=7 lost=1");
  MetricValues<kTable> sum = fruits.Sum();
  EXPECT_EQ(sum.at("eaten_total", Size::kLarge, Fruit::kApple), 3u);
  EXPECT_EQ(sum.at("eaten_total", Size::kLarge, Fruit::kPear), 0u);
  EXPECT_EQ(sum.at("quiet_total"), 1u);
}

constexpr auto kBounds = metric_bounds::Steps(1ms);
// clang-format off
constexpr MetricRow kTimes[] = {
    {.name = "before_total", .help = "Before."},
    {.name = "waited_seconds", .kind = MetricKind::kHistogram, .bounds = kBounds, .help = "Wait."},
    {.name = "after_total", .help = "After."},
};
// clang-format on

// 18 steps are 1, 2 and 5 of six powers of ten; the last bucket has no bound.
TEST(MetricTable, AHistogramPutsEachValueIntoTheBucketWhoseBoundIsTheFirstThatIsNotLess) {
  Metrics<kTimes> times(2);
  for (const core::Duration value :
       {core::Duration(0), core::Duration(-5ms), core::Duration(1ms)}) {
    times.of(0).Observe("waited_seconds", value);
  }
  times.of(1).Observe("waited_seconds", 1ms + 1ns);
  times.of(1).Observe("waited_seconds", 1000s);
  times.of(1).Observe("waited_seconds", 1000s + 1ns);
  times.of(1).Observe("waited_seconds", 24h);
  const MetricValues<kTimes> sum = times.Sum();
  std::vector<uint64_t> expected(1 + kMostBuckets + 1 + 1);
  expected[1] = 3;
  expected[2] = 1;
  expected[1 + 18] = 1;
  expected[1 + 19] = 2;
  expected[1 + 20] = 1'000 + 1'000 + 2'000'000'000 + 86'400'000'000;  // microseconds
  EXPECT_EQ(std::vector<uint64_t>(sum.all().begin(), sum.all().end()), expected);
  EXPECT_EQ(kBounds.back(), 1000s);
}

TEST(MetricTable, ASumIsOfRoundedValues) {
  Metrics<kTimes> times(1);
  for (int i = 0; i < 1000; ++i) times.of(0).Observe("waited_seconds", 1499ns);
  for (int i = 0; i < 1000; ++i) times.of(0).Observe("waited_seconds", 1500ns);
  EXPECT_EQ(times.Sum().all().back() + times.Sum().all()[1 + 20], 3000u);
}

// Every pair of a row and its labels has a slot for itself.
TEST(MetricTable, NoTwoShareASlot) {
  Fruits fruits(1);
  MetricSlots<kTable>& slots = fruits.of(0);
  std::set<const void*> all = {&slots.at("baskets"), &slots.at("lost_total"),
                               &slots.at("quiet_total")};
  for (const Fruit fruit : {Fruit::kApple, Fruit::kPear, Fruit::kNone}) {
    all.insert(&slots.at("had_total", fruit));
    for (const Size size : {Size::kSmall, Size::kLarge}) {
      all.insert(&slots.at("eaten_total", size, fruit));
    }
  }
  EXPECT_EQ(all.size(), slots.all().size());
  EXPECT_EQ(alignof(MetricSlots<kTable>), 64u) << "two workers write to no common cache line";
}

TEST(MetricTable, SeesWhatIsWrongWithARow) {
  using Rows = std::vector<MetricRow>;
  EXPECT_TRUE(IsWellFormed(kTable));
  EXPECT_FALSE(IsWellFormed(Rows{{.name = "", .help = "A."}}));
  EXPECT_FALSE(IsWellFormed(Rows{{.name = "a_total", .help = ""}}));
  EXPECT_FALSE(IsWellFormed(Rows{{.name = "a", .help = "A counter without _total."}}));
  EXPECT_FALSE(IsWellFormed(Rows{{.name = "A_total", .help = "A capital."}}));
  EXPECT_FALSE(IsWellFormed(
      Rows{{.name = "a_total", .help = "A."}, {.name = "a_total", .help = "A again."}}));
  EXPECT_TRUE(IsWellFormed(kTimes));
  const auto histogram = [](std::string_view name, std::span<const core::Duration> bounds) {
    return Rows{
        {.name = name, .kind = MetricKind::kHistogram, .bounds = bounds, .help = "A time."}};
  };
  const std::vector<core::Duration> falling = {2s, 1s};
  const std::vector<core::Duration> many(kMostBuckets, 1s);
  EXPECT_TRUE(IsWellFormed(histogram("a_seconds", kBounds)));
  EXPECT_FALSE(IsWellFormed(histogram("a", kBounds)));
  EXPECT_FALSE(IsWellFormed(histogram("a_seconds", {})));
  EXPECT_FALSE(IsWellFormed(histogram("a_seconds", falling)));
  EXPECT_FALSE(IsWellFormed(histogram("a_seconds", many)));
  EXPECT_FALSE(
      IsWellFormed(Rows{{.name = "a_total", .labels = {{{"no_values", {}}}}, .help = "A."}}));
}

// The line that scripts read: its keys and their order.
TEST(Stats, TheLineKeepsItsForm) {
  Stats stats(1);
  WorkerStats& worker = stats.of(0);
  const auto line = [&] {
    StatsValues values = stats.Sum();
    values.at("sessions_active") = 7;
    return StatsLine(kMetrics, values.all());
  };
  EXPECT_EQ(line(), "active=7 total=0 rejected=0 up=0 down=0");
  core::Count(worker.at("accepted_total"), 9);
  core::Count(worker.at("bytes_total", Direction::kUp), 100);
  core::Count(worker.at("bytes_total", Direction::kDown), 200);
  core::Count(worker.at("short_buffers_total"));
  core::Count(worker.at("rejections_total", Rejection::kBuffers), 2);
  core::Count(worker.at("rejections_total", Rejection::kConnections));
  core::Count(worker.at("session_ends_total", Initiator::kProxy, EndCause::kShutdown));
  core::Count(worker.at("session_ends_total", Initiator::kClient, EndCause::kClosed));
  core::Count(worker.at("session_ends_total", Initiator::kUpstream, EndCause::kClosed), 3);
  EXPECT_EQ(line(),
            "active=7 total=9 rejected=3 up=100 down=200 closed=4 shutdown=1 "
            "rejected_connections=1 rejected_buffers=2 short_buffers=1");
}

TEST(Stats, WorkersCountWithoutEachOther) {
  Stats stats(2);
  std::vector<std::thread> threads;
  for (uint32_t worker = 0; worker < 2; ++worker) {
    threads.emplace_back([&stats, worker] {
      for (int i = 0; i < 100'000; ++i) {
        core::Count(stats.of(worker).at("bytes_total", Direction::kUp), 3);
      }
    });
  }
  uint64_t last = 0;
  for (int i = 0; i < 100; ++i) {
    const uint64_t now = stats.Sum().at("bytes_total", Direction::kUp);
    EXPECT_GE(now, last);
    last = now;
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(stats.Sum().at("bytes_total", Direction::kUp), 600'000u);
}

}  // namespace
}  // namespace sluice::proxy
