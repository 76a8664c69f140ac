#include "proxy/upstream/health/agent_words.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::proxy {
namespace {

using State = AgentLine::State;

TEST(AgentWords, EachSaysOneThing) {
  EXPECT_EQ(ReadAgentWords("75%"), (AgentReport{.percent = 75}));
  EXPECT_EQ(ReadAgentWords("0%"), (AgentReport{.percent = 0}));
  EXPECT_EQ(ReadAgentWords("weight:256"), (AgentReport{.weight = 256}));
  EXPECT_EQ(ReadAgentWords("maxconn:30"), (AgentReport{.max_connections = 30}));
  EXPECT_EQ(ReadAgentWords("fail"), (AgentReport{.operation = "fail"}));
  EXPECT_EQ(ReadAgentWords("maint"), (AgentReport{.wish = "maint"}));
  EXPECT_EQ(ReadAgentWords(""), AgentReport());
  EXPECT_EQ(ReadAgentWords(" ,\t "), AgentReport());
  for (const std::string_view down : {"down", "fail", "stopped"}) {
    EXPECT_TRUE(ReadAgentWords(down).is_down()) << down;
  }
  EXPECT_TRUE(ReadAgentWords("up").is_up());
  EXPECT_FALSE(ReadAgentWords("ready").is_down());
}

TEST(AgentWords, SeveralInAnyOrderAndEitherCase) {
  EXPECT_EQ(ReadAgentWords("READY,Up\t50%  maxconn:7 #  all is well, says it"),
            (AgentReport{.percent = 50,
                         .max_connections = 7,
                         .operation = "up",
                         .wish = "ready",
                         .why = "all is well, says it"}));
}

TEST(AgentWords, OfTwoTheLastCounts) {
  EXPECT_EQ(ReadAgentWords("up down 10% 20%").operation, "down");
  EXPECT_EQ(ReadAgentWords("10% 20%").percent, 20u);
  EXPECT_EQ(ReadAgentWords("10% weight:3"), (AgentReport{.weight = 3}));
  EXPECT_EQ(ReadAgentWords("weight:3 10%"), (AgentReport{.percent = 10}));
}

TEST(AgentWords, WhatIsNoneIsNamedAndTheRestHolds) {
  for (const std::string_view word :
       {"uppp", "75", "%", "7x%", "-1%", "+5%", "weight:", "weight:257", "weight:-1", "maxconn:x",
        "maxconn:", "maxconn:10000001", "maintenance", "do#wn", "weight: 5"}) {
    const std::string line = std::string(word) + " down";
    const AgentReport report = ReadAgentWords(line);
    EXPECT_EQ(report.unknown, word.substr(0, word.find(' '))) << word;
    EXPECT_TRUE(report.is_down()) << word;
    EXPECT_FALSE(report.percent || report.weight || report.max_connections) << word;
  }
  EXPECT_EQ(ReadAgentWords("a b").unknown, "a");
  EXPECT_EQ(ReadAgentWords("99999999999999999999999%").percent, AgentReport::kMostPercent);
}

TEST(AgentLine, EndsWithTheFirstEndOfLine) {
  for (const std::string_view text : {"up 5%\nx", "up 5%\r\nx", "up 5%\rx"}) {
    for (size_t piece = 1; piece <= text.size(); ++piece) {
      AgentLine line;
      for (size_t i = 0; i < text.size(); i += piece) (void)line.Take(text.substr(i, piece));
      EXPECT_EQ(line.state(), State::kDone);
      EXPECT_EQ(line.text(), "up 5%");
    }
  }
}

TEST(AgentLine, EndsWithTheConnectionUnlessThereIsNone) {
  AgentLine line;
  EXPECT_EQ(line.Take("up"), State::kMore);
  EXPECT_EQ(line.End(), State::kDone);
  AgentLine nothing;
  EXPECT_EQ(nothing.End(), State::kMore);
  AgentLine empty;
  EXPECT_EQ(empty.Take("\nup"), State::kDone);
  EXPECT_EQ(empty.text(), "");
}

TEST(AgentLine, IsBounded) {
  AgentLine line;
  EXPECT_EQ(line.Take(std::string(AgentLine::kLongest, 'x')), State::kMore);
  EXPECT_EQ(line.Take("x"), State::kTooLong);
  EXPECT_EQ(line.Take("\n"), State::kTooLong);
  EXPECT_EQ(line.text().size(), AgentLine::kLongest);
}

}  // namespace
}  // namespace sluice::proxy
