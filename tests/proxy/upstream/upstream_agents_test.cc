// What agents say of endpoints, beside checks, sessions and administrators; and what becomes of the
// sessions of endpoints that go down.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/base/time.h"
#include "core/log/logger.h"
#include "proxy/upstream/upstream.h"

namespace sluice::proxy {
namespace {

using core::Instant;

constexpr Instant kStart(100s);

class Lines final : public core::Logger {
 public:
  Lines() : Logger(core::LogLevel::kInfo) {}
  void Write(core::LogLevel, std::string_view line) override { all_.emplace_back(line); }
  uint64_t dropped() const override { return 0; }
  bool Drain(core::Duration) override { return true; }
  std::vector<std::string> Take() { return std::exchange(all_, {}); }

 private:
  std::vector<std::string> all_;
};

using Strings = std::vector<std::string>;
using Weights = std::vector<uint32_t>;

conf::Upstream Config(size_t endpoints) {
  conf::Upstream config;
  config.name = "app";
  config.agent.port = 9999;
  for (size_t i = 0; i < endpoints; ++i) {
    config.endpoints.push_back(
        {.address = *core::Address::Parse("10.0.0." + std::to_string(i + 1) + ":80")});
  }
  return config;
}

struct World {
  explicit World(const conf::Upstream& config) : upstream(core::MakeRef<Upstream>(config, 1)) {}
  // A reload.
  void Change(const conf::Upstream& config) {
    const auto before = upstream;
    upstream = core::MakeRef<Upstream>(config, 1, before.get());
    upstream->Refresh();
    if (upstream->pool() == before->pool()) upstream->PutInForce(*before, kStart);
  }

  UpstreamHealth& health() { return upstream->pool()->health(); }
  std::shared_ptr<const EndpointSet> set() { return upstream->queue().ShareSet(); }
  Endpoint& endpoint(size_t index) { return set()->endpoint(index); }
  std::string name(size_t index) { return endpoint(index).name(); }
  // As a monitor does.
  void Say(size_t index, std::string_view line) {
    now += 1s;
    health().AgentSaid(endpoint(index), line, now, now, events);
    if (health().TakeDue(now, events).reweighs) upstream->Reweigh(now);
  }
  std::string Usable() {
    std::string usable;
    for (size_t i = 0; i < set()->size(); ++i) {
      if (set()->endpoint(i).usable()) usable += static_cast<char>('a' + i);
    }
    return usable;
  }
  Weights weights() {
    Weights weights;
    for (const EndpointMember& member : set()->members()) weights.push_back(member.weight);
    return weights;
  }

  Lines lines;
  Events events{lines};
  Instant now = kStart;
  core::IntrusivePtr<Upstream> upstream;
};

TEST(UpstreamAgents, ATransitionIsLoggedOnceWithWhatTheAgentSaid) {
  World world(Config(2));
  for (int i = 0; i < 3; ++i) world.Say(0, "down # disk full");
  EXPECT_EQ(world.Usable(), "b");
  EXPECT_EQ(world.lines.Take(), Strings{"upstream app: endpoint 10.0.0.1:80 is down for its agent, "
                                        "which says \"down # disk full\""});
  for (int i = 0; i < 3; ++i) world.Say(0, "up");
  EXPECT_EQ(world.Usable(), "ab");
  EXPECT_EQ(world.lines.Take(),
            Strings{"upstream app: endpoint 10.0.0.1:80 is up for its agent, which says \"up\""});
}

TEST(UpstreamAgents, UpForItsAgentIsNotUpForItsCheck) {
  conf::Upstream config = Config(2);
  config.health.check = conf::Check::kConnect;
  World world(config);
  for (int i = 0; i < 3; ++i) {
    (void)world.health().Checked(world.endpoint(0), false, "refused", kStart, kStart, world.events);
  }
  world.Say(0, "up ready");
  EXPECT_EQ(world.Usable(), "b");
  world.Say(0, "down");
  for (int i = 0; i < 2; ++i) {
    (void)world.health().Checked(world.endpoint(0), true, "fine", kStart, kStart, world.events);
  }
  EXPECT_EQ(world.Usable(), "b");
  world.Say(0, "up");
  EXPECT_EQ(world.Usable(), "ab");
}

TEST(UpstreamAgents, NoWordOverridesAnAdministrator) {
  World world(Config(3));
  world.upstream->SetState(world.name(0), AdminState::kDrain, kStart);
  world.Say(0, "ready up 100%");
  EXPECT_EQ(world.Usable(), "bc");
  world.Say(1, "drain");
  world.upstream->SetState(world.name(1), AdminState::kReady, kStart);
  EXPECT_EQ(world.Usable(), "c");
  EXPECT_EQ(world.endpoint(1).admin_state(), AdminState::kReady);
  world.Say(1, "ready");
  EXPECT_EQ(world.Usable(), "bc");
  world.upstream->SetWeight(world.name(2), 0, kStart);
  world.Say(2, "weight:100");
  EXPECT_EQ(world.Usable(), "b");
  world.upstream->Reset(world.name(2), kStart);
  EXPECT_EQ(world.weights(), (Weights{1, 1, 100}));
}

TEST(UpstreamAgents, WeightsAreSharesOfWhatIsGiven) {
  conf::Upstream config = Config(3);
  config.endpoints[2].weight = 2;
  World world(config);
  world.Say(0, "75%");
  EXPECT_EQ(world.weights(), (Weights{3, 4, 8}));
  world.Say(1, "0%");
  EXPECT_EQ(world.weights(), (Weights{3, 0, 8}));
  EXPECT_EQ(world.Usable(), "ac");
  world.Say(1, "weight:4");
  EXPECT_EQ(world.weights(), (Weights{3, 16, 8}));
  world.upstream->SetWeight(world.name(0), 4, kStart);
  EXPECT_EQ(world.weights(), (Weights{3, 4, 2}));
  world.Say(0, "100%");
  EXPECT_EQ(world.weights(), (Weights{4, 4, 2}));
  EXPECT_EQ(world.set()->members()[0].shown_weight, 4u);
}

TEST(UpstreamAgents, ALimitIsLoweredAndNeverRaised) {
  conf::Upstream config = Config(2);
  config.endpoints[0].max_connections = 5;
  World world(config);
  world.Say(0, "maxconn:9");
  world.Say(1, "maxconn:1");
  EXPECT_EQ(world.endpoint(0).max_connections(), 5u);
  EXPECT_EQ(world.endpoint(1).max_connections(), 1u);
  EXPECT_TRUE(world.endpoint(1).is_counted());
  world.Say(0, "maxconn:2");
  EXPECT_EQ(world.endpoint(0).max_connections(), 2u);
}

TEST(UpstreamAgents, OneThatIsNotReachedChangesNothing) {
  World world(Config(2));
  world.Say(0, "drain");
  (void)world.lines.Take();
  for (int i = 0; i < 3; ++i) {
    world.health().AgentNotReached(world.endpoint(0), "refused", kStart, kStart, world.events);
    world.health().AgentNotReached(world.endpoint(1), "refused", kStart, kStart, world.events);
  }
  EXPECT_EQ(world.Usable(), "b");
  EXPECT_EQ(world.lines.Take(),
            (Strings{"upstream app: endpoint 10.0.0.1:80: its agent is not reached, which changes "
                     "nothing: refused",
                     "upstream app: endpoint 10.0.0.2:80: its agent is not reached, which changes "
                     "nothing: refused"}));
  world.Say(0, "drain");
  world.Say(1, "dwon\x1b");
  world.Say(1, "dwon\x1b");
  EXPECT_EQ(world.lines.Take(),
            (Strings{"upstream app: endpoint 10.0.0.1:80: its agent is understood again",
                     "upstream app: endpoint 10.0.0.2:80: its agent says what is no word of an "
                     "agent: \"dwon\\x1b\""}));
}

TEST(UpstreamAgents, AReloadLeavesWhatWasSaidUnlessThereIsNoAgentAnyMore) {
  conf::Upstream config = Config(3);
  World world(config);
  world.Say(0, "down");
  world.Say(1, "50%");
  world.Say(2, "maint maxconn:3");
  const auto expect_said = [&] {
    EXPECT_EQ(world.Usable(), "b");
    EXPECT_EQ(world.weights(), (Weights{2, 1, 2}));
    EXPECT_EQ(world.endpoint(2).max_connections(), 3u);
  };
  expect_said();
  config.queue_timeout = 1s;
  world.Change(config);
  expect_said();
  config.balance = conf::Balance::kMaglev;  // other objects
  world.Change(config);
  expect_said();
  config.agent.port = 0;
  world.Change(config);
  EXPECT_EQ(world.Usable(), "abc");
  EXPECT_EQ(world.weights(), (Weights{1, 1, 1}));
  EXPECT_EQ(world.endpoint(2).max_connections(), 0u);
}

// What is said between the making of a configuration and its time.
TEST(UpstreamAgents, WhatIsSaidDuringAReloadHolds) {
  conf::Upstream config = Config(2);
  World world(config);
  config.endpoints.push_back({.address = *core::Address::Parse("10.0.0.9:80")});
  const auto before = world.upstream;
  const auto next = core::MakeRef<Upstream>(config, 1, before.get());
  world.Say(0, "weight:7");
  next->Refresh();
  next->PutInForce(*before, kStart);
  world.upstream = next;
  EXPECT_EQ(world.weights(), (Weights{7, 1, 1}));
}

// Another object, whose agent has taken nothing back.
TEST(UpstreamAgents, WhatWasSaidOutlastsAMaintenance) {
  World world(Config(2));
  world.Say(0, "drain 50%");
  Endpoint& before = world.endpoint(0);
  world.upstream->SetState(world.name(0), AdminState::kMaintenance, kStart);
  (void)world.upstream->pool()->EndLate(kStart + 5min);
  world.upstream->SetState(world.name(0), AdminState::kReady, kStart + 6min);
  EXPECT_NE(&world.endpoint(0), &before);
  EXPECT_EQ(world.Usable(), "b");
  EXPECT_EQ(world.weights(), (Weights{1, 2}));
  world.Say(0, "ready");
  EXPECT_EQ(world.Usable(), "ab");
}

// Nothing stays out for what an agent has said that is not asked any more.
TEST(UpstreamAgents, AReloadWithoutAgentsForgetsWhatOneInMaintenanceWasSaidToBe) {
  conf::Upstream config = Config(2);
  World world(config);
  world.Say(0, "drain");
  world.upstream->SetState(world.name(0), AdminState::kMaintenance, kStart);
  (void)world.upstream->pool()->EndLate(kStart + 5min);
  config.agent.port = 0;
  config.endpoints.push_back({.address = *core::Address::Parse("10.0.0.9:80")});
  world.Change(config);
  world.upstream->SetState(world.name(0), AdminState::kReady, kStart + 6min);
  EXPECT_EQ(world.Usable(), "abc");
}

// Endpoints are located before they are put in force, and the set of them is made again then.
TEST(UpstreamAgents, AReloadWithoutAgentsKeepsWhereItsEndpointsAre) {
  conf::Upstream config = Config(2);
  World world(config);
  world.Say(0, "50%");
  config.agent.port = 0;
  config.endpoints.push_back({.address = *core::Address::Parse("10.0.0.9:80")});
  const auto next = core::MakeRef<Upstream>(config, 1, world.upstream.get());
  next->Refresh();
  next->endpoints()->endpoint(2).set_own_listener(OwnListener::kYes);
  next->endpoints()->endpoint(2).set_may_be_itself(true);
  next->PutInForce(*world.upstream, kStart);
  world.upstream = next;
  EXPECT_EQ(world.weights(), (Weights{1, 1, 1}));
  EXPECT_EQ(world.endpoint(2).own_listener(), OwnListener::kYes);
  EXPECT_TRUE(world.endpoint(2).may_be_itself());
}

TEST(UpstreamAgents, NoPanicUsesOneThatIsOutOfUse) {
  conf::Upstream config = Config(3);
  config.panic = 100;
  config.panic_ignores_checks = true;
  World world(config);
  world.Say(0, "drain");
  EXPECT_EQ(world.Usable(), "bc");
  EXPECT_FALSE(world.upstream->queue().is_in_panic());
  world.Say(1, "down");
  EXPECT_EQ(world.Usable(), "bc");  // asked for
  EXPECT_TRUE(world.upstream->queue().is_in_panic());
  config.panic_ignores_checks = false;
  world.Change(config);
  EXPECT_EQ(world.Usable(), "c");
}

TEST(UpstreamAgents, EachIsAskedOnceAnIntervalAndOneQuestionAtATime) {
  World world(Config(3));
  size_t questions = 0;
  for (Instant now = kStart; now < kStart + 60s; now += 10ms) {
    const UpstreamHealth::Due due = world.health().TakeDue(now, world.events);
    EXPECT_TRUE(due.endpoints.empty());
    for (const EndpointRef& each : due.agents) {
      ++questions;
      world.health().AgentSaid(*each, "up", now, now + 1ms, world.events);
    }
  }
  EXPECT_GE(questions, 33u);
  EXPECT_LE(questions, 40u);
  const UpstreamHealth::Due due = world.health().TakeDue(kStart + 2h, world.events);
  ASSERT_EQ(due.agents.size(), 3u);
  EXPECT_TRUE(world.health().TakeDue(kStart + 3h, world.events).agents.empty());
  world.health().AgentNotAsked(*due.agents[1], kStart + 3h);
  EXPECT_EQ(world.health().TakeDue(kStart + 4h, world.events).agents.size(), 1u);
}

// However fast agents change their minds.
TEST(UpstreamAgents, SetsAreMadeATenthOfASecondApart) {
  World world(Config(3));
  size_t sets = 0;
  for (int i = 0; i < 1000; ++i) {
    world.now += 1ms;
    const size_t index = static_cast<size_t>(i) % 3;
    world.health().AgentSaid(world.endpoint(index), std::to_string(i % 90) + "%", world.now,
                             world.now, world.events);
    if (world.health().TakeDue(world.now, world.events).reweighs) ++sets;
  }
  EXPECT_GE(sets, 9u);
  EXPECT_LE(sets, 11u);
}

TEST(OnDown, SessionsAreResetOnceWhenAnEndpointGoesDownByItsCheck) {
  conf::Upstream config = Config(2);
  config.health.check = conf::Check::kConnect;
  for (const auto on_down : {conf::OnDown::kReset, conf::OnDown::kKeep}) {
    config.health.on_down = on_down;
    World world(config);
    std::string resets;
    for (const bool passed : {true, false, false, false, false, true, true, false, false, false}) {
      resets += world.health().Checked(world.endpoint(0), passed, "", kStart, kStart, world.events)
                    ? 'x'
                    : '.';
    }
    EXPECT_EQ(resets, on_down == conf::OnDown::kReset ? "...x.....x" : "..........");
  }
}

}  // namespace
}  // namespace sluice::proxy
