// The members of each upstream in the stats line's JSON.
#include "proxy/observe/upstream_figures.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/base/counter.h"

namespace sluice::proxy {
namespace {

nlohmann::json Parsed(const StatsRegistry& stats) {
  return nlohmann::json::parse("{" + UpstreamFigures(stats.Read()) + "}");
}

TEST(UpstreamFigures, AddUpTheListenersOfAnUpstream) {
  StatsRegistry stats(2);
  const auto web = stats.Of("web", "app");
  const auto other = stats.Of("other", "app");
  core::Count(web->stats.of(0).at("accepted_total"), 3);
  core::Count(web->stats.of(1).at("session_ends_total", Initiator::kClient, EndCause::kClosed), 2);
  core::Count(other->stats.of(1).at("accepted_total"));
  core::Count(other->stats.of(0).at("bytes_total", Direction::kUp), 7);
  core::Count(other->stats.of(0).at("retries_total"), 5);
  core::Count(stats.process().of(0).at("reloads_total", ReloadResult::kOk));
  const auto expected = nlohmann::json::parse(R"({
      "upstreams": {"app": {"active": 2, "total": 4, "up": 7, "down": 0, "connect_failures": 0,
                            "retries": 5}},
      "upstreams_left_out": 0})");
  EXPECT_EQ(Parsed(stats), expected);
}

TEST(UpstreamFigures, OfManyThoseWithTheMostSessions) {
  StatsRegistry stats(1);
  std::vector<core::IntrusivePtr<SessionStats>> kept;
  for (size_t i = 0; i < kMostUpstreamFigures + 20; ++i) {
    kept.push_back(stats.Of("web", "app" + std::to_string(i)));
    core::Count(kept.back()->stats.of(0).at("accepted_total"), i);
  }
  const nlohmann::json figures = Parsed(stats);
  EXPECT_EQ(figures["upstreams"].size(), kMostUpstreamFigures);
  EXPECT_EQ(figures["upstreams_left_out"], 20);
  EXPECT_FALSE(figures["upstreams"].contains("app19"));
  EXPECT_TRUE(figures["upstreams"].contains("app20"));
}

}  // namespace
}  // namespace sluice::proxy
