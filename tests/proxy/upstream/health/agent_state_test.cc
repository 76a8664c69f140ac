#include "proxy/upstream/health/agent_state.h"

#include <gtest/gtest.h>

#include <string_view>

namespace sluice::proxy {
namespace {

AgentState::Change Say(AgentState& state, std::string_view line) {
  return state.On(ReadAgentWords(line));
}

TEST(AgentState, WhatIsNotMentionedStays) {
  AgentState state;
  EXPECT_TRUE(Say(state, "down").is_down);
  EXPECT_TRUE(Say(state, "drain 50%").is_unused);
  EXPECT_TRUE(state.is_down());
  EXPECT_TRUE(state.is_unused());
  const AgentState::Change again = Say(state, "drain fail 50%");
  EXPECT_FALSE(again.is_down || again.is_unused || again.share);
  EXPECT_FALSE(Say(state, "").share);
  EXPECT_TRUE(Say(state, "up").is_down);
  EXPECT_TRUE(state.is_unused());
  EXPECT_TRUE(Say(state, "ready").is_unused);
  EXPECT_TRUE(state.has_share());
  EXPECT_TRUE(Say(state, "100%").share);
  EXPECT_FALSE(state.has_share());
}

TEST(AgentState, APercentageIsOneOfWhateverWeightHolds) {
  AgentState state;
  (void)Say(state, "75%");
  EXPECT_EQ(state.Hundredths(1, /*is_by_hand=*/false), 75u);
  EXPECT_EQ(state.Hundredths(40, /*is_by_hand=*/true), 3000u);
  (void)Say(state, "300%");
  EXPECT_EQ(state.Hundredths(1, false), 300u);
  EXPECT_EQ(state.Hundredths(200, false), 25600u);
  (void)Say(state, "99999%");
  EXPECT_EQ(state.Hundredths(256, false), 25600u);
}

TEST(AgentState, AWeightGivesWayToOneThatIsSetByHand) {
  AgentState state;
  (void)Say(state, "weight:10");
  EXPECT_EQ(state.Hundredths(3, /*is_by_hand=*/false), 1000u);
  EXPECT_EQ(state.Hundredths(3, /*is_by_hand=*/true), 300u);
  EXPECT_EQ(state.Hundredths(0, /*is_by_hand=*/true), 0u);
  (void)Say(state, "50%");  // of the one given, not of that
  EXPECT_EQ(state.Hundredths(3, /*is_by_hand=*/false), 150u);
}

TEST(AgentState, ALimitIsNeverRaised) {
  AgentState state;
  EXPECT_EQ(state.MaxConnections(100), 100u);
  EXPECT_EQ(state.MaxConnections(0), 0u);
  (void)Say(state, "maxconn:30");
  EXPECT_EQ(state.MaxConnections(100), 30u);
  EXPECT_EQ(state.MaxConnections(20), 20u);
  EXPECT_EQ(state.MaxConnections(0), 30u);
  (void)Say(state, "maxconn:0");
  EXPECT_EQ(state.MaxConnections(100), 100u);
}

}  // namespace
}  // namespace sluice::proxy
