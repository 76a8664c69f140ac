// Upstream: which endpoint objects its sets consist of.
#include "proxy/upstream/upstream.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace sluice::proxy {
namespace {

conf::Endpoint At(const std::string& address, uint32_t weight = 1, uint32_t max = 0) {
  return {.address = *core::Address::Parse(address), .weight = weight, .max_connections = max};
}

conf::Upstream Config(std::vector<conf::Endpoint> endpoints) {
  conf::Upstream config;
  config.name = "app";
  config.endpoints = std::move(endpoints);
  return config;
}

constexpr const char* kA = "10.0.0.1:80";
constexpr const char* kB = "10.0.0.2:80";
constexpr const char* kC = "10.0.0.3:80";

using State = AdminState;

std::string Served(Upstream& upstream) {
  const EndpointSlot slot = upstream.queue().TryAcquire(0, {}, {});
  return slot.valid() ? slot.endpoint().name() : "none";
}

TEST(Upstream, AnEndpointThatStaysIsTheSameObject) {
  Upstream upstream(Config({At(kA), At(kB, 1, 5)}), 1);
  const auto before = upstream.queue().ShareSet();
  EndpointSlot slot = upstream.queue().TryAcquire(0, {}, {});
  const auto after = upstream.MakeSet(std::vector{At(kC), At(kA, 3, 7)});
  EXPECT_EQ(before->endpoint(0).weight(), 1u) << "nothing changes before it is published";
  upstream.Publish(after);
  EXPECT_EQ(&after->endpoint(1), &before->endpoint(0));
  EXPECT_EQ(after->endpoint(1).weight(), 3u);
  EXPECT_EQ(after->endpoint(1).max_connections(), 7u);
  EXPECT_EQ(after->endpoint(1).active(), 1u) << "the session that it had before counts on";
  EXPECT_EQ(after->endpoint(0).name(), kC);
}

TEST(Upstream, AnEndpointThatLeavesDrainsAndIsAnotherObjectWhenItJoinsAgain) {
  Upstream upstream(Config({At(kA), At(kB)}), 1);
  Endpoint& a = upstream.queue().ShareSet()->endpoint(0);
  const EndpointRef session(&a);
  upstream.Publish(upstream.MakeSet(std::vector{At(kB)}));
  EXPECT_FALSE(a.usable());
  EXPECT_EQ(a.name(), kA) << "a session may still name it";
  upstream.Publish(upstream.MakeSet(std::vector{At(kA), At(kB)}));
  EXPECT_NE(&upstream.queue().ShareSet()->endpoint(0), &a);
}

conf::Endpoint Named(const std::string& name, const std::string& address) {
  conf::Endpoint endpoint = At(address);
  endpoint.name = name;
  return endpoint;
}

TEST(Upstream, UnderTheSameNameAnotherAddressIsAnotherEndpoint) {
  Upstream upstream(Config({Named("a", kA), Named("b", kB)}), 1);
  const auto before = upstream.queue().ShareSet();
  Endpoint& a = before->endpoint(0);
  EXPECT_EQ(a.name(), "a");
  EXPECT_EQ(a.NameAndAddress(), "a (10.0.0.1:80)");
  upstream.Publish(upstream.MakeSet(std::vector{Named("b", kB), Named("a", kC)}));
  const auto after = upstream.queue().ShareSet();
  EXPECT_EQ(&after->endpoint(0), &before->endpoint(1)) << "b stays, wherever it is in the list";
  EXPECT_NE(&after->endpoint(1), &a);
  EXPECT_EQ(after->endpoint(1).NameAndAddress(), "a (10.0.0.3:80)");
  EXPECT_FALSE(a.usable()) << "it drains";
  EXPECT_EQ(a.address().ToString(), kA) << "its sessions are with the server they began with";
}

TEST(Upstream, NamesThatSwapTheirAddressesAreOtherEndpoints) {
  Upstream upstream(Config({Named("a", kA), Named("b", kB)}), 1);
  const auto before = upstream.queue().ShareSet();
  upstream.Publish(upstream.MakeSet(std::vector{Named("a", kB), Named("b", kA)}));
  const auto after = upstream.queue().ShareSet();
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_FALSE(before->endpoint(i).usable());
    EXPECT_EQ(after->endpoint(i).name(), before->endpoint(i).name());
    EXPECT_EQ(after->endpoint(i).address(), before->endpoint(1 - i).address());
  }
}

TEST(Upstream, OneThatIsRenamedIsAnother) {
  Upstream upstream(Config({At(kA), Named("b", kB)}), 1);
  const auto before = upstream.queue().ShareSet();
  upstream.Publish(upstream.MakeSet(std::vector{Named("a", kA), At(kB)}));
  for (size_t i = 0; i < 2; ++i) EXPECT_FALSE(before->endpoint(i).usable());
  EXPECT_EQ(upstream.queue().ShareSet()->endpoint(1).NameAndAddress(), kB);
}

TEST(Upstream, AnEndpointThatIsNamedTwiceIsTwoObjects) {
  Upstream upstream(Config({At(kA, 1, 1), At(kA, 1, 2)}), 1);
  const auto before = upstream.queue().ShareSet();
  EXPECT_NE(&before->endpoint(0), &before->endpoint(1));
  upstream.Publish(upstream.MakeSet(std::vector{At(kA, 1, 1), At(kA, 1, 2), At(kA, 1, 3)}));
  const auto after = upstream.queue().ShareSet();
  EXPECT_NE(&after->endpoint(0), &after->endpoint(1));
  EXPECT_NE(&after->endpoint(1), &after->endpoint(2));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(&after->endpoint(i) == &before->endpoint(0) ||
                &after->endpoint(i) == &before->endpoint(1));
  }
}

constexpr core::Instant kNow(100s);

TEST(Upstream, AnEndpointThatHasLeftIsFreedWithItsLastSession) {
  Upstream upstream(Config({At(kA), At(kB)}), 1);
  EndpointSlot on_a = upstream.queue().TryAcquire(0, {}, {});
  ASSERT_EQ(on_a.endpoint().name(), kA);
  EXPECT_FALSE(upstream.pool()->is_draining());
  upstream.Publish(upstream.MakeSet(std::vector{At(kB)}));
  EndpointSlot on_b = upstream.queue().TryAcquire(0, {}, {});  // the worker has the new set now
  (void)upstream.pool()->EndLate(kNow);
  EXPECT_EQ(upstream.pool()->former(), 1u) << "it has a session";
  EXPECT_TRUE(upstream.pool()->is_draining());
  const EndpointRef record(&on_a.endpoint());
  on_a = EndpointSlot();
  (void)upstream.pool()->EndLate(kNow);
  EXPECT_EQ(upstream.pool()->former(), 1u) << "a record still names it";
  {
    const EndpointRef last = record;
    EXPECT_EQ((*last).name(), kA);
  }
  EXPECT_TRUE((*record).is_referenced());
}

TEST(Upstream, AHundredSetsLeaveNothing) {
  Upstream upstream(Config({At(kA), At(kB)}), 1);
  for (int i = 0; i < 100; ++i) {
    upstream.Publish(upstream.MakeSet(std::vector{At(i % 2 == 0 ? kC : kA), At(kB)}));
    (void)upstream.MakeSet(std::vector{At("10.0.0.9:80"), At("10.0.0.9:80")});  // is let go of
    EXPECT_TRUE(upstream.queue().TryAcquire(0, {}, {}).valid());
    (void)upstream.pool()->EndLate(kNow);
    EXPECT_LE(upstream.pool()->former(), 2u);
  }
}

TEST(Upstream, AnotherPolicyKeepsTheEndpointsAndTheirSessions) {
  conf::Upstream config = Config({At(kA), At(kB)});
  config.balance = conf::Balance::kFirst;
  auto upstream = core::MakeRef<Upstream>(config, 1);
  std::vector<EndpointSlot> on_a;
  for (int i = 0; i < 3; ++i) on_a.push_back(upstream->queue().TryAcquire(0, {}, {}));
  upstream->SetState(kB, State::kDrain, kNow);
  config.balance = conf::Balance::kLeastConnections;
  auto after = core::MakeRef<Upstream>(config, 1, upstream.get());
  EXPECT_EQ(Served(*upstream), kA) << "not in force yet";
  after->PutInForce(*upstream, kNow);
  EXPECT_EQ(&after->queue().ShareSet()->endpoint(0), &on_a[0].endpoint()) << "the same object";
  EXPECT_EQ(Served(*after), kA) << "b is drained under any policy";
  after->SetState(kB, State::kReady, kNow);
  for (int i = 0; i < 3; ++i) {
    on_a.push_back(after->queue().TryAcquire(0, {}, {}));
    EXPECT_EQ(on_a.back().endpoint().name(), kB) << "a has three that began under the first one";
  }
  config.slow_start = 10s;
  auto last = core::MakeRef<Upstream>(config, 1, after.get());
  last->PutInForce(*after, kNow);
  EXPECT_EQ(last->pool(), upstream->pool());
  EXPECT_EQ(last->pool()->SessionsOf(kA) + last->pool()->SessionsOf(kB), 6u);
}

// Those that wait do so under the policy that there is.
TEST(Upstream, AnotherPolicyKeepsLimits) {
  conf::Upstream config = Config({At(kA, 1, 1)});
  auto before = core::MakeRef<Upstream>(config, 1);
  std::optional<EndpointSlot> slot = before->queue().TryAcquire(0, {}, {});
  config.balance = conf::Balance::kMaglev;
  const auto after = core::MakeRef<Upstream>(config, 1, before.get());
  after->PutInForce(*before, kNow);
  EXPECT_FALSE(after->queue().TryAcquire(0, {.key = 1}, {}).valid());
  slot.reset();
  EXPECT_TRUE(after->queue().TryAcquire(0, {.key = 1}, {}).valid());
}

TEST(Upstream, AnotherRuleKeepsTheEndpoints) {
  conf::Upstream config = Config({At(kA, 1, 1), At(kB, 1, 1)});
  auto before = core::MakeRef<Upstream>(config, 1);
  const EndpointSlot a = before->queue().TryAcquire(0, {}, {});
  const EndpointSlot b = before->queue().TryAcquire(0, {}, {});
  config.queue_timeout = 7s;
  config.on_removed = {.sessions = conf::SessionsOfRemoved::kReset};
  config.endpoints.pop_back();
  auto after = core::MakeRef<Upstream>(config, 1, before.get());
  EXPECT_EQ(after->policy().queue_timeout, 7s);
  EXPECT_EQ(before->queue().ShareSet()->size(), 2u) << "not in force yet";
  EXPECT_EQ(after->endpoints()->size(), 1u);
  after->PutInForce(*before, kNow);
  EXPECT_FALSE(after->queue().TryAcquire(0, {}, {}).valid()) << "what began before counts";
  core::CancellationSource& end_of_b = *b.endpoint().end_of_sessions();
  EXPECT_GT(after->pool()->EndLate(kNow + 1s), kNow + 1s);
  EXPECT_FALSE(end_of_b.cancelled()) << "the rule was: keep, for 5 minutes";
  (void)after->pool()->EndLate(kNow + 5min);
  EXPECT_TRUE(end_of_b.cancelled());
  EXPECT_FALSE(a.endpoint().end_of_sessions()->cancelled());
  conf::Upstream other = config;
  other.endpoints = {At(kC)};
  const auto last = core::MakeRef<Upstream>(other, 1, after.get());
  last->PutInForce(*after, kNow + 6min);
  (void)last->pool()->EndLate(kNow + 6min);
  EXPECT_TRUE(a.endpoint().end_of_sessions()->cancelled()) << "the rule was: reset";
}

TEST(Upstream, WeightZeroDrains) {
  Upstream upstream(Config({At(kA, 0), At(kB)}), 1);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(upstream.queue().TryAcquire(0, {}, {}).endpoint().name(), kB);
  }
  upstream.Publish(upstream.MakeSet(std::vector{At(kA, 0), At(kB, 0)}));
  EXPECT_FALSE(upstream.queue().TryAcquire(0, {}, {}).valid());
  EXPECT_EQ(upstream.queue().serving(), 0u);
}

// What an administrator does.
TEST(Upstream, ADrainedEndpointKeepsItsSessionsAndGetsNoOther) {
  Upstream upstream(Config({At(kA), At(kB)}), 1);
  const EndpointSlot on_a = upstream.queue().TryAcquire(0, {}, {});
  ASSERT_EQ(on_a.endpoint().name(), kA);
  upstream.SetState(kA, State::kDrain, kNow);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Served(upstream), kB);
  EXPECT_EQ(upstream.queue().serving(), 1u);
  EXPECT_EQ(upstream.pool()->SessionsOf(kA), 1u) << "counted also where no limit needs it";
  (void)upstream.pool()->EndLate(kNow + 24h);
  EXPECT_FALSE(on_a.endpoint().end_of_sessions()->cancelled()) << "for as long as it wants";
  EXPECT_FALSE(upstream.pool()->is_draining());
  upstream.SetState(kB, State::kMaintenance, kNow);
  EXPECT_EQ(Served(upstream), "none");
  EXPECT_EQ(upstream.queue().serving(), 0u);
  upstream.SetState(kA, State::kReady, kNow);
  EXPECT_EQ(Served(upstream), kA);
  EXPECT_EQ(&upstream.queue().ShareSet()->endpoint(0), &on_a.endpoint()) << "the same object";
}

TEST(Upstream, MaintenanceEndsSessionsAsThoseOfARemovedEndpoint) {
  Upstream upstream(Config({At(kA), At(kB)}), 1);
  const EndpointSlot on_a = upstream.queue().TryAcquire(0, {}, {});
  core::CancellationSource& end_of_a = *on_a.endpoint().end_of_sessions();
  upstream.SetState(kA, State::kMaintenance, kNow);
  EXPECT_TRUE(upstream.pool()->is_draining());
  (void)upstream.pool()->EndLate(kNow + 4min);
  EXPECT_FALSE(end_of_a.cancelled()) << "the rule is: keep, for 5 minutes";
  upstream.SetState(kA, State::kReady, kNow + 4min);
  (void)upstream.pool()->EndLate(kNow + 24h);
  EXPECT_FALSE(end_of_a.cancelled()) << "it is back";
  EXPECT_FALSE(upstream.pool()->is_draining());
  upstream.SetState(kA, State::kMaintenance, kNow);
  (void)upstream.pool()->EndLate(kNow + 5min);
  EXPECT_TRUE(end_of_a.cancelled());
  upstream.SetState(kA, State::kReady, kNow + 6min);
  const auto set = upstream.queue().ShareSet();
  EXPECT_EQ(set->endpoint(0).name(), kA);
  EXPECT_FALSE(set->endpoint(0).end_of_sessions()->cancelled())
      << "new sessions do not end at once";
  EXPECT_EQ(upstream.pool()->SessionsOf(kA), 1u) << "until the old one has ended";
}

TEST(Upstream, OthersHaveTheShareOfADrainedEndpoint) {
  Upstream upstream(Config({At(kA, 2), At(kB, 2), At(kC, 1)}), 1);
  upstream.SetState(kB, State::kDrain, kNow);
  int a = 0;
  for (int i = 0; i < 300; ++i) a += Served(upstream) == kA ? 1 : 0;
  EXPECT_EQ(a, 200) << "2 : 1, not 4 : 1";
  upstream.SetWeight(kC, 6, kNow);
  a = 0;
  for (int i = 0; i < 400; ++i) a += Served(upstream) == kA ? 1 : 0;
  EXPECT_EQ(a, 100) << "2 : 6";
}

// A reload may have been made before an act, and be put in force after it.
TEST(Upstream, AReloadUndoesNothingThatAnAdministratorHasDone) {
  for (const bool other_policy : {false, true}) {
    conf::Upstream config = Config({At(kA), At(kB)});
    auto before = core::MakeRef<Upstream>(config, 1);
    before->SetState(kA, State::kDrain, kNow);
    config.endpoints = {At(kA), At(kB), At(kC)};
    if (other_policy) config.balance = conf::Balance::kLeastConnections;
    auto after = core::MakeRef<Upstream>(config, 1, before.get());
    EXPECT_EQ(after->pool(), before->pool());
    before->Remove(kB, kNow);
    before->Add(At("10.0.0.4:80", 7), [](std::span<Endpoint* const>) {}, kNow);
    after->Refresh();
    after->PutInForce(*before, kNow);
    after->Forget();
    std::string names;
    for (const EndpointMember& member : after->queue().ShareSet()->members()) {
      names += member.endpoint->name() + "/" + std::to_string(member.endpoint->weight()) + "/" +
               std::string(Name(member.endpoint->admin_state())) + " ";
    }
    EXPECT_EQ(names, "10.0.0.1:80/1/drain 10.0.0.3:80/1/ready 10.0.0.4:80/7/ready ");
  }
}

TEST(Upstream, ASetThatIsMadeMeanwhileTakesNoEndpointAway) {
  Upstream upstream(Config({At(kA)}), 1);
  const auto set = upstream.MakeSet(std::vector{At(kA), At(kB)});
  (void)upstream.MakeSet(std::vector{At(kC)});  // as a reload does, on another thread
  upstream.Publish(set);
  EXPECT_FALSE(upstream.pool()->is_draining() && upstream.pool()->former() > 1) << "only c";
  const EndpointSlot a = upstream.queue().TryAcquire(0, {}, {});
  const EndpointSlot b = upstream.queue().TryAcquire(0, {}, {});
  EXPECT_EQ(b.endpoint().name(), kB);
  upstream.Remove(kA, kNow);
  upstream.Publish(upstream.MakeSet(std::vector{At(kC)}));
  (void)upstream.pool()->EndLate(kNow + 5min);
  EXPECT_TRUE(a.endpoint().end_of_sessions()->cancelled());
  EXPECT_EQ(upstream.pool()->former(), 2u) << "a and b have sessions";
}

}  // namespace
}  // namespace sluice::proxy
