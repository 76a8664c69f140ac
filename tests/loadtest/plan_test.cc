#include "loadtest/generator/plan.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace sluice::loadtest {
namespace {

std::string Complaint(const std::string& text) {
  Plan plan;
  return ParsePlan(text, &plan);
}

std::string WithGroup(const std::string& members) {
  return R"({"target": "127.0.0.1:80", "groups": [{)" + members + "}]}";
}

TEST(Plan, TakesWhatItSays) {
  Plan plan;
  EXPECT_EQ(ParsePlan(R"({"target": "[::1]:80", "seconds": 3, "spin": true, "groups": [
                          {"shape": "open", "name": "a", "rate": 2.5, "connections": 4},
                          {"shape": "bulk", "direction": "up"}]})",
                      &plan),
            "");
  EXPECT_EQ(plan.target.storage.ss_family, AF_INET6);
  EXPECT_EQ(plan.seconds, 3);
  EXPECT_TRUE(plan.spin);
  ASSERT_EQ(plan.groups.size(), 2u);
  EXPECT_EQ(plan.groups[0].name, "a");
  EXPECT_EQ(plan.groups[0].rate, 2.5);
  EXPECT_EQ(plan.groups[0].connections, 4u);
  EXPECT_EQ(plan.groups[1].name, "bulk");
  EXPECT_EQ(plan.groups[1].direction, "up");
}

TEST(Plan, TakesWhatAGroupSays) {
  Plan plan;
  EXPECT_EQ(ParsePlan(R"({"target": "127.0.0.1:80", "groups": [
                          {"shape": "closed", "pipeline": 16, "lasts": 0.5},
                          {"shape": "bulk", "direction": "up", "write_bytes": 100, "rate": 5},
                          {"shape": "churn", "close": "reset"},
                          {"shape": "idle", "connections": 2, "descriptors": [3, 4]}]})",
                      &plan),
            "");
  ASSERT_EQ(plan.groups.size(), 4u);
  EXPECT_EQ(plan.groups[0].pipeline, 16u);
  EXPECT_EQ(plan.groups[0].lasts_s, 0.5);
  EXPECT_EQ(plan.groups[0].close, "fin");
  EXPECT_EQ(plan.groups[1].write_bytes, 100u);
  EXPECT_EQ(plan.groups[2].close, "reset");
  EXPECT_EQ(plan.groups[3].descriptors, (std::vector<int>{3, 4}));
}

TEST(Plan, NamesThePlaceOfAMistake) {
  EXPECT_EQ(Complaint("{"), "this is not JSON");
  EXPECT_EQ(Complaint("[]"), ": is no object");
  EXPECT_EQ(Complaint(R"({"target": "nowhere", "groups": [{"shape": "idle"}]})"),
            "target: \"nowhere\" is no address such as 127.0.0.1:80");
  EXPECT_EQ(Complaint(R"({"target": "127.0.0.1:80", "groups": []})"),
            "groups: must be a list with at least one group");
  EXPECT_EQ(Complaint(WithGroup("")), "groups[0].shape: is missing");
  EXPECT_EQ(Complaint(WithGroup(R"("shape": "round")")),
            "groups[0].shape: \"round\" is none of bulk, churn, closed, idle, open, slow, storm");
  EXPECT_EQ(Complaint(WithGroup(R"("shape": "idle", "connections": 0)")),
            "groups[0].connections: 0 is not from 1 to 1000000");
  EXPECT_EQ(Complaint(WithGroup(R"("shape": "closed", "request_bytes": 23)")),
            "groups[0].request_bytes: 23 is not from 24 to 1073741824");
  EXPECT_EQ(Complaint(WithGroup(R"("shape": "open")")), "groups[0].rate: must be above 0 for open");
  EXPECT_EQ(Complaint(WithGroup(R"("shape": "closed", "pipeline": 0)")),
            "groups[0].pipeline: 0 is not from 1 to 1024");
  EXPECT_EQ(Complaint(WithGroup(R"("shape": "churn", "close": "slam")")),
            "groups[0].close: \"slam\" is none of fin, reset");
  EXPECT_EQ(Complaint(WithGroup(R"("shape": "bulk", "write_bytes": 9)")),
            "groups[0].write_bytes: is for streams that go up");
  EXPECT_EQ(Complaint(WithGroup(R"("shape": "bulk", "rate": 9)")),
            "groups[0].rate: needs write_bytes for bulk");
  EXPECT_EQ(Complaint(WithGroup(R"("shape": "closed", "descriptors": [3, 4])")),
            "groups[0].descriptors: must be as many as connections");
  EXPECT_EQ(Complaint(WithGroup(R"("shape": "closed", "descriptors": ["a"])")),
            "groups[0].descriptors: has something else than integers");
  EXPECT_EQ(Complaint(WithGroup(R"("shape": "idle", "colour": 1)")),
            "groups[0].colour: is not a known key");
  EXPECT_EQ(Complaint(R"({"target": "127.0.0.1:80",
                          "groups": [{"shape": "idle"}, {"shape": "idle"}]})"),
            "groups: two are named \"idle\"");
}

}  // namespace
}  // namespace sluice::loadtest
