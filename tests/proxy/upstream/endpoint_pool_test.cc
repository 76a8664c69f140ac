// EndpointPool: what it keeps of its sets, and what becomes of endpoints that are in maintenance.
#include "proxy/upstream/endpoint_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/time.h"
#include "proxy/upstream/upstream.h"

namespace sluice::proxy {
namespace {

constexpr core::Instant kNow(100s);
constexpr const char* kA = "10.0.0.1:80";
constexpr const char* kB = "10.0.0.2:80";

conf::Endpoint At(const std::string& address, uint32_t weight = 1) {
  return {.address = *core::Address::Parse(address), .weight = weight};
}

conf::Upstream Config(std::vector<conf::Endpoint> endpoints) {
  conf::Upstream config;
  config.name = "app";
  config.endpoints = std::move(endpoints);
  return config;
}

// As agents do that say how busy their servers are.
TEST(EndpointPool, SetsThatHaveGoneAreForgottenWhereNoEndpointLeaves) {
  Upstream upstream(Config({At(kA), At(kB)}), 1);
  for (uint32_t i = 0; i < 1000; ++i) {
    upstream.Publish(upstream.MakeSet(std::vector{At(kA, 1 + i % 100), At(kB)}));
    (void)upstream.MakeSet(std::vector{At(kB), At(kA)});  // is let go of
    EXPECT_TRUE(upstream.queue().TryAcquire(0, {}, {}).valid());
    ASSERT_LE(upstream.pool()->sets(), 5u) << i;
  }
  EXPECT_EQ(upstream.pool()->former(), 0u);
}

// Sessions with an endpoint in maintenance have 5 minutes, and no more because it is removed then.
TEST(EndpointPool, ToRemoveAnEndpointInMaintenanceGivesItsSessionsNoTime) {
  Upstream upstream(Config({At(kA), At(kB)}), 1);
  const EndpointSlot on_a = upstream.queue().TryAcquire(0, {}, {});
  ASSERT_EQ(on_a.endpoint().name(), kA);
  upstream.SetState(kA, AdminState::kMaintenance, kNow);
  upstream.Remove(kA, kNow + 4min);
  EXPECT_EQ(upstream.pool()->EndLate(kNow + 5min - 1ms), kNow + 5min);
  EXPECT_FALSE(on_a.endpoint().end_of_sessions()->cancelled());
  (void)upstream.pool()->EndLate(kNow + 5min);
  EXPECT_TRUE(on_a.endpoint().end_of_sessions()->cancelled());
}

// The time of a maintenance may be over at any moment of the act that ends it: the sessions of an
// endpoint that is back do not end, whichever comes first.
TEST(EndpointPool, AnEndpointThatIsBackIsNoneWhoseTimeIsOver) {
  conf::Upstream config = Config({At(kA), At(kB)});
  config.on_removed = {.sessions = conf::SessionsOfRemoved::kReset};
  Upstream upstream(config, 1);
  std::atomic<bool> is_over{false};
  std::thread looks([&] {
    while (!is_over) (void)upstream.pool()->EndLate(kNow);
  });
  int cancelled = 0;
  for (int i = 0; i < 2000; ++i) {
    upstream.SetState(kA, AdminState::kMaintenance, kNow);
    if (i % 2 == 0) {
      upstream.SetState(kA, AdminState::kReady, kNow);
    } else {
      upstream.Reset(kA, kNow);
    }
    const auto set = upstream.queue().ShareSet();
    if (set->endpoint(0).end_of_sessions()->cancelled()) ++cancelled;
  }
  is_over = true;
  looks.join();
  EXPECT_EQ(cancelled, 0);
}

// Another object, at the same place: what was found out about that is not found out again.
TEST(EndpointPool, AnEndpointThatIsBackFromMaintenanceIsWhereItWas) {
  Upstream upstream(Config({At(kA), At(kB)}), 1);
  const auto before = upstream.queue().ShareSet();
  before->endpoint(0).set_own_listener(OwnListener::kPerhaps);
  before->endpoint(1).set_may_be_itself(true);
  for (const char* name : {kA, kB}) upstream.SetState(name, AdminState::kMaintenance, kNow);
  (void)upstream.pool()->EndLate(kNow + 5min);
  upstream.SetState(kA, AdminState::kReady, kNow + 6min);
  upstream.Reset(kB, kNow + 6min);
  const auto is = upstream.queue().ShareSet();
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_NE(&is->endpoint(i), &before->endpoint(i));
    EXPECT_TRUE(is->endpoint(i).usable());
    EXPECT_EQ(is->endpoint(i).own_listener(), before->endpoint(i).own_listener());
    EXPECT_EQ(is->endpoint(i).may_be_itself(), before->endpoint(i).may_be_itself());
  }
}

// One of another address is elsewhere.
TEST(EndpointPool, WhatHasTheNameAloneIsNotWhereTheOtherWas) {
  conf::Endpoint a = At(kA);
  a.name = "a";
  Upstream upstream(Config({a}), 1);
  upstream.queue().ShareSet()->endpoint(0).set_own_listener(OwnListener::kYes);
  upstream.SetState("a", AdminState::kMaintenance, kNow);
  (void)upstream.pool()->EndLate(kNow + 5min);
  a.address = *core::Address::Parse(kB);
  upstream.Publish(upstream.MakeSet(std::vector{a}));
  EXPECT_EQ(upstream.queue().ShareSet()->endpoint(0).own_listener(), OwnListener::kNo);
}

TEST(EndpointPool, OneThatIsBackByResetIsPreparedLikeOneThatIsAdded) {
  Upstream upstream(Config({At(kA), At(kB)}), 1);
  upstream.Remove(kA, kNow);
  std::string prepared;
  upstream.Reset(kA, kNow, [&](std::span<Endpoint* const> joining) {
    for (const Endpoint* each : joining) prepared += each->name() + " ";
    EXPECT_EQ(upstream.queue().ShareSet()->size(), 1u) << "not published yet";
  });
  EXPECT_EQ(prepared, "10.0.0.1:80 ");
  EXPECT_EQ(upstream.queue().ShareSet()->size(), 2u);
}

}  // namespace
}  // namespace sluice::proxy
