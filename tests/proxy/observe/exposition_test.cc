// What Prometheus reads, in both of its formats, and the registry that it is made of.

#include "proxy/observe/exposition.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/counter.h"
#include "proxy/observe/stats_registry.h"

namespace sluice::proxy {
namespace {

constexpr std::array<std::string_view, 2> kWays = {"up", "down"};
constexpr std::array<std::string_view, 3> kCauses = {"", "slow", "late"};
constexpr std::array<core::Duration, 2> kBounds = {50us, 2s};
// clang-format off
constexpr MetricRow kTable[] = {
    {.name = "open", .kind = MetricKind::kGauge, .scope = MetricScope::kListener, .help = "Open."},
    {.name = "all_total", .help = "All."},
    {.name = "ends_total", .scope = MetricScope::kListener,
     .labels = {{{"way", kWays}, {"cause", kCauses}}}, .help = "Ends."},
    {.name = "lost_total", .scope = MetricScope::kUpstream, .labels = {{{"cause", kCauses}}},
     .help = "Lost."},
    {.name = "took_seconds", .kind = MetricKind::kHistogram,
     .scope = MetricScope::kListenerAndUpstream, .bounds = kBounds, .help = "Took."},
};
// clang-format on

std::string Expose(ExpositionFormat format) {
  Metrics<kTable> process(1);
  Metrics<kTable> web(1);
  Metrics<kTable> db(1);
  core::Count(process.of(0).at("all_total"), 5);
  core::Count(web.of(0).at("all_total"), 2);
  core::Count(db.of(0).at("all_total"), 1);
  core::Count(web.of(0).at("ends_total", 1, 2), 7);
  core::Count(web.of(0).at("lost_total", 1), 3);
  core::Count(db.of(0).at("lost_total", 1), 4);
  web.of(0).Observe("took_seconds", 1s);
  web.of(0).Observe("took_seconds", 10us);
  web.of(0).Observe("took_seconds", 1min);
  const MetricValues<kTable> process_values = process.Sum();
  MetricValues<kTable> web_values = web.Sum();
  web_values.at("open") = 1;
  const MetricValues<kTable> db_values = db.Sum();
  const std::vector<MetricSeries> series = {
      {.listener = "", .upstream = "", .values = process_values.all()},
      {.listener = "web", .upstream = "app", .values = web_values.all()},
      {.listener = "db", .upstream = "app", .values = db_values.all()}};
  Exposition exposition(format);
  exposition.Add(kTable, series);
  const std::vector<ReadValue> usable = {{.labels = {{"name", "a\"\\\nb"}}, .value = 1}};
  exposition.Add({.name = "dropped_total", .kind = MetricKind::kCounter, .help = "Dropped."},
                 usable);
  return std::move(exposition).Finish();
}

TEST(Exposition, Text) {
  EXPECT_EQ(Expose(ExpositionFormat::kText), R"(# HELP sluice_open Open.
# TYPE sluice_open gauge
sluice_open{listener="db"} 0
sluice_open{listener="web"} 1
# HELP sluice_all_total All.
# TYPE sluice_all_total counter
sluice_all_total 8
# HELP sluice_ends_total Ends.
# TYPE sluice_ends_total counter
sluice_ends_total{listener="web",way="down",cause="late"} 7
# HELP sluice_lost_total Lost.
# TYPE sluice_lost_total counter
sluice_lost_total{upstream="app",cause="slow"} 7
sluice_lost_total{upstream="app",cause="late"} 0
# HELP sluice_took_seconds Took.
# TYPE sluice_took_seconds histogram
sluice_took_seconds_bucket{listener="db",upstream="app",le="0.00005"} 0
sluice_took_seconds_bucket{listener="db",upstream="app",le="2"} 0
sluice_took_seconds_bucket{listener="db",upstream="app",le="+Inf"} 0
sluice_took_seconds_sum{listener="db",upstream="app"} 0
sluice_took_seconds_count{listener="db",upstream="app"} 0
sluice_took_seconds_bucket{listener="web",upstream="app",le="0.00005"} 1
sluice_took_seconds_bucket{listener="web",upstream="app",le="2"} 2
sluice_took_seconds_bucket{listener="web",upstream="app",le="+Inf"} 3
sluice_took_seconds_sum{listener="web",upstream="app"} 61.00001
sluice_took_seconds_count{listener="web",upstream="app"} 3
# HELP sluice_dropped_total Dropped.
# TYPE sluice_dropped_total counter
sluice_dropped_total{name="a\"\\\nb"} 1
)");
}

// Ten thousand sessions that stay for weeks: more than the nanoseconds of a Duration.
TEST(Exposition, ASumOfThousandsOfYears) {
  Metrics<kTable> web(1);
  for (int i = 0; i < 100; ++i) web.of(0).Observe("took_seconds", 200 * 365 * 24h);
  const MetricValues<kTable> values = web.Sum();
  const std::vector<MetricSeries> series = {
      {.listener = "web", .upstream = "app", .values = values.all()}};
  Exposition exposition(ExpositionFormat::kText);
  exposition.Add(kTable, series);
  const std::string text = std::move(exposition).Finish();
  EXPECT_NE(text.find("took_seconds_sum{listener=\"web\",upstream=\"app\"} 630720000000\n"),
            text.npos)
      << text;
}

TEST(Exposition, OpenMetrics) {
  const std::string text = Expose(ExpositionFormat::kOpenMetrics);
  EXPECT_NE(text.find("# TYPE sluice_all counter\nsluice_all_total 8\n"), text.npos) << text;
  EXPECT_NE(text.find("le=\"2.0\"} 2\n"), text.npos) << text;
  EXPECT_TRUE(text.ends_with("# EOF\n")) << text;
}

// One byte that is none would cost the whole scrape.
TEST(Exposition, LabelsAreValidUtf8) {
  const std::vector<ReadValue> values = {
      {.labels = {{"name", "\xff\xc3\xa9\xc3\"\xe2\x82"}}, .value = 0}};
  Exposition exposition(ExpositionFormat::kText);
  exposition.Add({.name = "n", .kind = MetricKind::kGauge, .help = "N."}, values);
  EXPECT_EQ(std::move(exposition).Finish(),
            "# HELP sluice_n N.\n# TYPE sluice_n gauge\n"
            "sluice_n{name=\"\ufffd\u00e9\ufffd\\\"\ufffd\ufffd\"} 0\n");
}

TEST(Exposition, TheClientChoosesTheFormat) {
  EXPECT_EQ(ExpositionFormatFor(""), ExpositionFormat::kText);
  EXPECT_EQ(ExpositionFormatFor("text/plain, */*;q=0.1"), ExpositionFormat::kText);
  EXPECT_EQ(ExpositionFormatFor("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"),
            ExpositionFormat::kOpenMetrics);
}

TEST(StatsRegistry, AListenerThatComesBackCountsOn) {
  StatsRegistry registry(2);
  auto web = registry.Of("web", "app");
  core::Count(web->stats.of(1).at("accepted_total"), 3);
  core::Count(web->stats.of(0).at("session_ends_total", Initiator::kClient, EndCause::kReset));
  EXPECT_EQ(registry.Of("web", "app"), web);
  EXPECT_NE(registry.Of("web", "api"), web);
  web = {};
  const std::vector<SessionCounts> counts = registry.Read();
  ASSERT_EQ(counts.size(), 2u) << "what has counted nothing and is not used has no series";
  EXPECT_EQ(counts[0].listener, "");
  EXPECT_EQ(counts[1].listener, "web");
  StatsValues values = counts[1].values;
  EXPECT_EQ(values.at("sessions_active"), 2u);
  core::Count(registry.Of("web", "app")->stats.of(0).at("accepted_total"));
  EXPECT_EQ(registry.Sum().at("accepted_total"), 4u);
}

// However many names there have been: what is kept is bounded, and no total falls.
TEST(StatsRegistry, WhatIsGoneStaysInTheTotals) {
  StatsRegistry registry(1);
  const auto used = registry.Of("used", "app");
  constexpr size_t kNames = 2 * StatsRegistry::kMostUnused;
  for (size_t i = 0; i < kNames; ++i) {
    core::Count(registry.Of("name" + std::to_string(i), "app")->stats.of(0).at("accepted_total"));
    EXPECT_EQ(registry.Sum().at("accepted_total"), i + 1);
  }
  EXPECT_LE(registry.Read().size(), StatsRegistry::kMostUnused + 3);
  EXPECT_EQ(registry.Of("used", "app"), used);
}

}  // namespace
}  // namespace sluice::proxy
