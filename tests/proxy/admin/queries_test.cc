// What queries say of sessions and endpoints.
#include "proxy/admin/queries.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

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

TEST(Queries, Endpoint) {
  const absl::StatusOr<conf::Endpoint> endpoint =
      Endpoint("address=10.0.0.1:80&name=a&weight=0&priority=2&max_connections=5");
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->Identity(), "a");
  EXPECT_EQ(endpoint->address.ToString(), "10.0.0.1:80");
  EXPECT_EQ(endpoint->weight, 0u);
  EXPECT_EQ(endpoint->priority, 2u);
  EXPECT_EQ(endpoint->max_connections, 5u);
  for (const char* const query : {"", "weight=1", "address=10.0.0.1", "address=10.0.0.1:0",
                                  "address=10.0.0.1:1&weight=257", "address=10.0.0.1:1&wieght=1"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Endpoint(query).status())) << query;
  }
}

}  // namespace
}  // namespace sluice::proxy
