// What sources have found, under the configurations of an upstream, and what administrators change.
#include "proxy/upstream/discovered.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/net/address.h"
#include "proxy/upstream/discovery/named_endpoints.h"
#include "proxy/upstream/upstream.h"

namespace sluice::proxy {
namespace {

using Texts = std::vector<std::string>;

conf::Endpoint At(const char* address) { return {.address = *core::Address::Parse(address)}; }

conf::Endpoint Named(const char* host, uint32_t port) {
  conf::Endpoint endpoint;
  endpoint.host = host;
  endpoint.host_port = port;
  return endpoint;
}

Snapshot Found(const char* host, uint32_t port, const std::vector<const char*>& addresses) {
  std::vector<core::Address> all;
  for (const char* each : addresses) all.push_back(*core::Address::ParseHost(each));
  return EndpointsOfHost(host, port, all);
}

Texts Names(const std::vector<conf::Endpoint>& endpoints) {
  Texts names;
  for (const conf::Endpoint& each : endpoints) names.push_back(each.Identity());
  return names;
}

TEST(DiscoveredTest, ExpandsInTheOrderOfTheConfiguration) {
  const EndpointsAsWritten written = {
      .endpoints = {At("10.0.0.1:1"), Named("app", 80), At("10.0.0.2:1")},
      .discover = {.file = "/x", .dns = {}}};
  const auto found = core::MakeRef<Discovered>();
  EXPECT_EQ(Names(found->Expand(written)), (Texts{"10.0.0.1:1", "10.0.0.2:1"}));
  EXPECT_FALSE(found->KnowsAll(written));
  EXPECT_TRUE(found->Set("file /x", {At("10.0.0.3:1")}));
  EXPECT_TRUE(found->Set("name app:80", Found("app", 80, {"10.1.0.1", "10.1.0.2"})));
  EXPECT_TRUE(found->KnowsAll(written));
  EXPECT_EQ(Names(found->Expand(written)), (Texts{"10.0.0.1:1", "app@10.1.0.1:80",
                                                  "app@10.1.0.2:80", "10.0.0.2:1", "10.0.0.3:1"}));
}

TEST(DiscoveredTest, WhatIsSaidOfANameHoldsForItsEndpoints) {
  conf::Endpoint name = Named("app", 80);
  name.name = "blue";
  name.weight = 7;
  name.max_connections = 9;
  name.priority = 2;
  const auto found = core::MakeRef<Discovered>();
  found->Set("name app:80", Found("app", 80, {"10.1.0.1"}));
  const auto expanded = found->Expand({.endpoints = {name}, .discover = {}});
  ASSERT_EQ(expanded.size(), 1u);
  EXPECT_EQ(expanded[0], (conf::Endpoint{.address = *core::Address::Parse("10.1.0.1:80"),
                                         .weight = 7,
                                         .max_connections = 9,
                                         .priority = 2,
                                         .name = "blue@10.1.0.1:80"}));
}

TEST(DiscoveredTest, TheSameAgainIsNoChange) {
  const auto found = core::MakeRef<Discovered>();
  EXPECT_TRUE(found->Set("file /x", {}));
  const uint64_t version = found->version();
  EXPECT_FALSE(found->Set("file /x", {}));
  EXPECT_EQ(found->version(), version);
  EXPECT_TRUE(found->Set("file /x", {At("10.0.0.1:1")}));
  EXPECT_NE(found->version(), version);
}

class DiscoverTest : public ::testing::Test {
 protected:
  static conf::Upstream Config() {
    conf::Upstream config;
    config.name = "app";
    config.discover.file = "/x";
    config.on_removed.drain_timeout = 1min;
    return config;
  }
  bool Discover(const Snapshot& snapshot) {
    return upstream_->Discover(
        "file /x", snapshot, Joiners::kUsable,
        [this](std::span<Endpoint* const> joining) { prepared_ += joining.size(); }, now_);
  }
  std::map<std::string, AdminState> States() {
    std::map<std::string, AdminState> states;
    const auto set = upstream_->queue().ShareSet();
    for (const EndpointMember& each : set->members()) {
      states[each.endpoint->name()] = each.endpoint->admin_state();
    }
    return states;
  }
  Endpoint* Find(const std::string& name) {
    const auto set = upstream_->queue().ShareSet();
    for (const EndpointMember& each : set->members()) {
      if (each.endpoint->name() == name) return each.endpoint;
    }
    return nullptr;
  }

  const core::Instant now_ = core::Instant() + 1h;
  core::IntrusivePtr<Upstream> upstream_ = core::MakeRef<Upstream>(Config(), 1);
  size_t prepared_ = 0;
};

TEST_F(DiscoverTest, WhatStaysIsTheSameEndpoint) {
  EXPECT_TRUE(States().empty());
  EXPECT_TRUE(Discover({At("10.0.0.1:1"), At("10.0.0.2:1")}));
  Endpoint* const first = Find("10.0.0.1:1");
  ASSERT_NE(first, nullptr);
  EXPECT_TRUE(Discover({At("10.0.0.3:1"), At("10.0.0.1:1")}));
  EXPECT_EQ(Find("10.0.0.1:1"), first);
  EXPECT_EQ(Find("10.0.0.2:1"), nullptr);
  EXPECT_FALSE(Discover({At("10.0.0.3:1"), At("10.0.0.1:1")}));
  EXPECT_EQ(prepared_, 3u) << "each that joins, once";
}

TEST_F(DiscoverTest, WhatIsSetByHandStaysWithAnEndpointThatStays) {
  Discover({At("10.0.0.1:1"), At("10.0.0.2:1")});
  upstream_->SetState("10.0.0.1:1", AdminState::kDrain, now_);
  Discover({At("10.0.0.1:1")});
  EXPECT_EQ(States()["10.0.0.1:1"], AdminState::kDrain);
  Discover({At("10.0.0.2:1")});
  Discover({At("10.0.0.1:1"), At("10.0.0.2:1")});
  EXPECT_EQ(States()["10.0.0.1:1"], AdminState::kReady) << "it had gone, and is another one";
}

TEST_F(DiscoverTest, WhatIsRemovedByHandStaysAwayUntilTheListDropsIt) {
  Discover({At("10.0.0.1:1"), At("10.0.0.2:1")});
  upstream_->Remove("10.0.0.1:1", now_);
  Discover({At("10.0.0.1:1"), At("10.0.0.3:1")});
  EXPECT_EQ(Find("10.0.0.1:1"), nullptr);
  Discover({At("10.0.0.3:1")});
  Discover({At("10.0.0.1:1"), At("10.0.0.3:1")});
  EXPECT_NE(Find("10.0.0.1:1"), nullptr);
}

TEST_F(DiscoverTest, StatesOfTheListAndByHand) {
  conf::Endpoint drained = At("10.0.0.1:1");
  drained.state = conf::EndpointState::kDrain;
  Discover({drained});
  EXPECT_EQ(States()["10.0.0.1:1"], AdminState::kDrain);
  upstream_->SetState("10.0.0.1:1", AdminState::kReady, now_);
  EXPECT_EQ(States()["10.0.0.1:1"], AdminState::kReady) << "by hand comes first";
  upstream_->SetState("10.0.0.1:1", AdminState::kDrain, now_);
  EXPECT_TRUE(upstream_->administrative().changes().empty()) << "as the list has it";
  drained.state = conf::EndpointState::kMaintenance;
  Discover({drained});
  EXPECT_EQ(States()["10.0.0.1:1"], AdminState::kMaintenance);
}

TEST_F(DiscoverTest, SessionsOfWhatAListPutsIntoMaintenanceEnd) {
  Discover({At("10.0.0.1:1")});
  Endpoint* const endpoint = Find("10.0.0.1:1");
  conf::Endpoint out = At("10.0.0.1:1");
  out.state = conf::EndpointState::kMaintenance;
  Discover({out});
  (void)upstream_->pool()->EndLate(now_ + 59s);
  EXPECT_FALSE(endpoint->end_of_sessions()->cancelled());
  (void)upstream_->pool()->EndLate(now_ + 61s);
  EXPECT_TRUE(endpoint->end_of_sessions()->cancelled());
}

TEST_F(DiscoverTest, WhatAListTakesOutOfMaintenanceHasNoEnd) {
  conf::Endpoint out = At("10.0.0.1:1");
  Discover({out});
  Endpoint* const endpoint = Find("10.0.0.1:1");
  out.state = conf::EndpointState::kMaintenance;
  Discover({out});
  const auto time_is_over = [this](std::span<Endpoint* const>) {
    (void)upstream_->pool()->EndLate(now_ + 61s);
  };
  (void)upstream_->Discover("file /x", {At("10.0.0.1:1"), At("10.0.0.2:1")}, Joiners::kUsable,
                            time_is_over, now_ + 59s);
  EXPECT_EQ(Find("10.0.0.1:1"), endpoint);
  EXPECT_TRUE(endpoint->usable());
  EXPECT_FALSE(endpoint->end_of_sessions()->cancelled());
}

// The list has gone, and the configuration names the endpoint itself.
TEST_F(DiscoverTest, WhatAReloadTakesOutOfMaintenanceHasNoEnd) {
  for (const bool is_late : {false, true}) {  // before the reload is put in force, or after it
    upstream_ = core::MakeRef<Upstream>(Config(), 1);
    conf::Endpoint out = At("10.0.0.1:1");
    out.state = conf::EndpointState::kMaintenance;
    Discover({At("10.0.0.1:1")});
    Discover({out});
    conf::Upstream config = Config();
    config.discover = {};
    config.endpoints = {At("10.0.0.1:1")};
    const auto after = core::MakeRef<Upstream>(config, 1, upstream_.get());
    after->Refresh();
    if (!is_late) (void)after->pool()->EndLate(now_ + 61s);
    after->PutInForce(*upstream_, now_ + 59s);
    upstream_ = after;
    (void)after->pool()->EndLate(now_ + 61s);
    EXPECT_TRUE(Find("10.0.0.1:1")->usable());
    EXPECT_FALSE(Find("10.0.0.1:1")->end_of_sessions()->cancelled());
  }
}

TEST_F(DiscoverTest, AnotherConfigurationHasWhatWasFound) {
  Discover({At("10.0.0.1:1")});
  Endpoint* const endpoint = Find("10.0.0.1:1");
  conf::Upstream config = Config();
  config.endpoints = {At("10.0.0.9:1")};
  const auto after = core::MakeRef<Upstream>(config, 1, upstream_.get());
  Discover({At("10.0.0.1:1"), At("10.0.0.2:1")});  // before it is in force
  after->Refresh();
  after->PutInForce(*upstream_, now_);
  upstream_ = after;
  EXPECT_EQ(Find("10.0.0.1:1"), endpoint);
  EXPECT_EQ(States().size(), 3u);
}

TEST_F(DiscoverTest, EveryPolicyTakesNoEndpointsAndThenSome) {
  for (const conf::Balance balance :
       {conf::Balance::kRoundRobin, conf::Balance::kLeastConnections, conf::Balance::kRandomTwo,
        conf::Balance::kSourceHash, conf::Balance::kMaglev, conf::Balance::kFirst,
        conf::Balance::kFastest}) {
    conf::Upstream config = Config();
    config.balance = balance;
    upstream_ = core::MakeRef<Upstream>(config, 1);
    const PickRequest request{.key = 7, .now = now_, .random = 3};
    EXPECT_FALSE(upstream_->queue().TryAcquire(0, request, {}).valid());
    Discover({At("10.0.0.1:1")});
    EXPECT_TRUE(upstream_->queue().TryAcquire(0, request, {}).valid());
    Discover({});
    EXPECT_FALSE(upstream_->queue().TryAcquire(0, request, {}).valid());
  }
}

}  // namespace
}  // namespace sluice::proxy
