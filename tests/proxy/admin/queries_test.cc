// What queries say of sessions and endpoints.
#include "proxy/admin/queries.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

#include "conf/load.h"
#include "core/base/time.h"

namespace sluice::proxy {
namespace {

absl::StatusOr<SessionQuery> Sessions(std::string_view query) {
  return SessionQueryFrom(*ParseHttpTarget(std::string("/x?") + std::string(query)), 7);
}
absl::StatusOr<conf::Endpoint> Endpoint(std::string_view query) {
  return EndpointFrom(*ParseHttpTarget(std::string("/x?") + std::string(query)));
}

TEST(Queries, Sessions) {
  const absl::StatusOr<SessionQuery> all = Sessions("");
  ASSERT_TRUE(all.ok());
  EXPECT_TRUE(all->filter == SessionFilter());
  EXPECT_EQ(all->limit, 7u);
  const absl::StatusOr<SessionQuery> some = Sessions(
      "listener=web&upstream=app&endpoint=a%2Fb&client=10.0.0.1&stage=half_closed&min_age=5m"
      "&min_idle=500ms&min_bytes=9&order=round_trip&reversed=true&offset=3&limit=4&paths=true");
  ASSERT_TRUE(some.ok()) << some.status();
  const SessionFilter wanted = {.listener = "web",
                                .upstream = "app",
                                .endpoint = "a/b",
                                .client = "10.0.0.1",
                                .stage = SessionStage::kHalfClosed,
                                .min_age = 5min,
                                .min_idle = 500ms,
                                .min_bytes = 9};
  EXPECT_TRUE(some->filter == wanted);
  EXPECT_EQ(some->order, SessionOrder::kRoundTrip);
  EXPECT_TRUE(some->reversed);
  EXPECT_EQ(some->offset, 3u);
  EXPECT_EQ(some->limit, 4u);
}

// Each would otherwise mean more sessions than were meant.
TEST(Queries, SlipsAreErrors) {
  for (const auto& [query, error] : {
           std::pair("cilent=10.0.0.1", "there is no parameter"),
           std::pair("stage=idle", "allowed: identify, route, connect, relay, half_closed, flush"),
           std::pair("min_idle=5", "a time, such as"),
           std::pair("min_bytes=-1", "a number from 0"),
           std::pair("limit=99999999999", "a number from 0 to 4294967295"),
           std::pair("order=size", "allowed: age, idle, bytes"),
           std::pair("paths=yes", "allowed: true, false"),
       }) {
    const absl::StatusOr<SessionQuery> read = Sessions(query);
    EXPECT_TRUE(absl::IsInvalidArgument(read.status())) << query;
    EXPECT_NE(std::string(read.status().message()).find(error), std::string::npos) << read.status();
  }
}

// What ends is never more than what a list of the same words shows.
TEST(Queries, SessionsThatEnd) {
  const auto filter = [](const std::string& query) {
    return SessionFilterFrom(*ParseHttpTarget("/x?" + query));
  };
  const absl::StatusOr<SessionFilter> some = filter("client=10.0.0.1&min_age=5m");
  ASSERT_TRUE(some.ok()) << some.status();
  const SessionFilter wanted = {.client = "10.0.0.1", .min_age = 5min};
  EXPECT_TRUE(*some == wanted);
  for (const char* const query :
       {"cilent=10.0.0.1", "client=10.0.0.1&limit=1", "client=10.0.0.1&offset=1",
        "client=10.0.0.1&order=age", "client=10.0.0.1&reversed=true", "client=10.0.0.1&paths=true",
        "client=&upstream=app", "stage=idle"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(filter(query).status())) << query;
  }
}

TEST(Queries, HowLongToWaitForADrain) {
  const auto wait = [](const std::string& query) {
    return DrainWaitFrom(*ParseHttpTarget("/x?" + query));
  };
  EXPECT_EQ(*wait(""), std::nullopt);
  EXPECT_EQ(*wait("wait=drained"), 5min);
  EXPECT_EQ(*wait("timeout=50ms&wait=drained"), 50ms);
  for (const char* const query : {"wiat=drained", "wait=Drained", "wait=", "timeout=5m",
                                  "wait=drained&timeout=5", "wait=drained&weight=1"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(wait(query).status())) << query;
  }
}

TEST(Queries, OtherParametersAreErrors) {
  const HttpTarget target = *ParseHttpTarget("/x?percent=10&over=5m");
  EXPECT_TRUE(TakesOnly(target, "percent, over").ok());
  EXPECT_EQ(TakesOnly(target, "percent").message(), "there is no parameter over; allowed: percent");
  EXPECT_EQ(TakesOnly(target, "").message(), "there is no parameter percent; none is allowed");
  EXPECT_TRUE(TakesOnly(*ParseHttpTarget("/x?"), "").ok());
  EXPECT_FALSE(TakesOnly(*ParseHttpTarget("/x?=1"), "").ok());
}

TEST(Queries, Endpoint) {
  const absl::StatusOr<conf::Endpoint> endpoint =
      Endpoint("address=10.0.0.1:80&name=a&weight=0&priority=2&max_connections=5");
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->Identity(), "a");
  EXPECT_EQ(endpoint->address.ToString(), "10.0.0.1:80");
  EXPECT_EQ(endpoint->weight, 0u);
  EXPECT_EQ(endpoint->priority, 2u);
  EXPECT_EQ(endpoint->max_connections, 5u);
  for (const char* const query :
       {"", "weight=1", "address=10.0.0.1", "address=10.0.0.1:0", "address=10.0.0.1:1&weight=257",
        "address=10.0.0.1:1&wieght=1", "address=unix:/%FF", "address=unix:/a%0A"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Endpoint(query).status())) << query;
  }
}

// It becomes a label of metrics and a word of the state file, as a name of the configuration does.
TEST(Queries, NamesOfEndpointsAreThoseOfTheConfiguration) {
  for (const std::string& name :
       {std::string(63, 'a'), std::string("0"), std::string("a.b_c-D"), std::string(64, 'a'),
        std::string(), std::string(".a"), std::string("-a"), std::string("a b"), std::string("a/b"),
        std::string("é"), std::string("$(x)")}) {
    const bool is_configured =
        conf::LoadString(
            "listeners: [{name: web, bind: 127.0.0.1:80, upstream: app}]\n"
            "upstreams: [{name: app, endpoints: [{address: 10.0.0.1:80, name: \"" +
                name + "\"}]}]\n",
            "test.yaml", conf::Env())
            .ok();
    const bool is_added = Endpoint("address=10.0.0.1:80&name=" + PercentEncoded(name)).ok();
    EXPECT_EQ(is_added, is_configured) << name;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(Endpoint("address=10.0.0.1:80&name=%FF").status()));
}

}  // namespace
}  // namespace sluice::proxy
