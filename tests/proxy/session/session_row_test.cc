// Which of many sessions are shown, in which order.
#include "proxy/session/session_row.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/base/random.h"

namespace sluice::proxy {
namespace {

SessionRow Row(uint64_t id, const std::string& client, core::Duration age, core::Duration idle,
               uint64_t up, uint64_t down) {
  SessionRow row;
  row.id = id;
  row.listener = id % 2 == 0 ? "even" : "odd";
  row.client = *core::Address::Parse(client);
  row.upstream = "app";
  row.endpoint = id % 3 == 0 ? "" : "10.0.0." + std::to_string(id % 3) + ":80";
  row.stage = id % 3 == 0 ? SessionStage::kConnect : SessionStage::kRelay;
  row.age = age;
  row.idle = idle;
  row.bytes_up = up;
  row.bytes_down = down;
  return row;
}

std::vector<SessionRow> Rows() {
  return {Row(1, "192.0.2.1:1000", 9s, 1s, 10, 5), Row(2, "192.0.2.1:1001", 8s, 8s, 0, 0),
          Row(3, "192.0.2.10:1000", 7s, 7s, 0, 0), Row(4, "[2001:db8::1]:1000", 3s, 0s, 5, 10),
          Row(5, "192.0.2.2:1000", 3s, 2s, 1, 90)};
}

std::string Ids(const SessionQuery& query) {
  std::string ids;
  for (const SessionRow& row : Select(Rows(), query).rows) ids += std::to_string(row.id);
  return ids;
}

TEST(SessionRows, AFilterLetsPassWhatItNames) {
  EXPECT_EQ(Ids({}), "12345");
  EXPECT_EQ(Ids({.filter = {.listener = "odd"}}), "135");
  EXPECT_EQ(Ids({.filter = {.upstream = "other"}}), "");
  EXPECT_EQ(Ids({.filter = {.endpoint = "10.0.0.2:80"}}), "25");
  EXPECT_EQ(Ids({.filter = {.stage = SessionStage::kConnect}}), "3");
  EXPECT_EQ(Ids({.filter = {.min_age = 7s, .min_idle = 7s}}), "23");
  EXPECT_EQ(Ids({.filter = {.min_bytes = 15}}), "145");
  EXPECT_EQ(Ids({.filter = {.listener = "odd", .min_bytes = 16}}), "5");
}

TEST(SessionRows, AClientIsNamedWithItsPortOrWithout) {
  EXPECT_EQ(Ids({.filter = {.client = "192.0.2.1"}}), "12");
  EXPECT_EQ(Ids({.filter = {.client = "192.0.2.1:1001"}}), "2");
  EXPECT_EQ(Ids({.filter = {.client = "192.0.2.1:100"}}), "");
  EXPECT_EQ(Ids({.filter = {.client = "2001:db8::1"}}), "4");
  EXPECT_EQ(Ids({.filter = {.client = "[2001:db8::1]"}}), "4");
}

TEST(SessionRows, EachOrderHasTheLargestFirst) {
  EXPECT_EQ(Ids({.order = SessionOrder::kIdle}), "23514");
  EXPECT_EQ(Ids({.order = SessionOrder::kIdle, .reversed = true}), "41532");
  EXPECT_EQ(Ids({.order = SessionOrder::kBytes}), "51423") << "1 and 4 in the order of their ids";
  EXPECT_EQ(Ids({.order = SessionOrder::kBytesUp}), "14523");
  EXPECT_EQ(Ids({.order = SessionOrder::kBytesDown}), "54123");
  std::vector<SessionRow> rows = Rows();
  rows[3].paths.emplace().upstream.rtt_us = 70;
  rows[4].paths.emplace().client.rtt_us = 90;
  EXPECT_EQ(Select(rows, {.order = SessionOrder::kRoundTrip, .limit = 2}).rows[1].id, 4u);
  rows[1].rate_up = 3;
  rows[2].rate_down = 5;
  EXPECT_EQ(Select(rows, {.order = SessionOrder::kRate, .limit = 2}).rows[0].id, 3u);
  EXPECT_EQ(Select(rows, {.order = SessionOrder::kRate, .limit = 2}).rows[1].id, 2u);
}

TEST(SessionRows, PagesFitTogether) {
  EXPECT_EQ(Ids({.limit = 2}), "12");
  EXPECT_EQ(Ids({.offset = 2, .limit = 2}), "34");
  EXPECT_EQ(Ids({.offset = 4, .limit = 2}), "5");
  EXPECT_EQ(Ids({.offset = 9, .limit = 2}), "");
  const SessionPage page = Select(Rows(), {.filter = {.listener = "odd"}, .offset = 1, .limit = 1});
  EXPECT_EQ(page.total, 3u);
  EXPECT_EQ(page.rows.size(), 1u);
  for (uint64_t seed = 0; seed < 200; ++seed) {
    std::vector<SessionRow> rows;
    for (uint64_t id = 0; id < 50; ++id) {
      rows.push_back(Row(id, "192.0.2.1:1", core::Mix(seed + id) % 4 * 1s, 0s, 0, 0));
    }
    const SessionPage whole = Select(rows, {});
    size_t at = 0;
    for (size_t offset = 0; offset < 60; offset += 7) {
      std::reverse(rows.begin(), rows.end());
      for (const SessionRow& row : Select(rows, {.offset = offset, .limit = 7}).rows) {
        ASSERT_EQ(row.id, whole.rows[at++].id);
      }
    }
    ASSERT_EQ(at, 50u);
  }
}

}  // namespace
}  // namespace sluice::proxy
