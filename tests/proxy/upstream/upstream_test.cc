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
  EXPECT_EQ((*record).refs(), 1u);
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

TEST(Upstream, AnotherPolicyKeepsTheEndpoints) {
  conf::Upstream config = Config({At(kA, 1, 1), At(kB, 1, 1)});
  auto before = core::MakeRef<Upstream>(config, 1);
  const EndpointSlot a = before->queue().TryAcquire(0, {}, {});
  const EndpointSlot b = before->queue().TryAcquire(0, {}, {});
  config.queue_timeout = 7s;
  config.on_removed = {.sessions = conf::SessionsOfRemoved::kReset};
  const std::vector<conf::Endpoint> endpoints = config.endpoints;
  config.endpoints.pop_back();
  auto after = core::MakeRef<Upstream>(config, 1, before.get(), endpoints);
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
  const auto last = core::MakeRef<Upstream>(other, 1, after.get(), config.endpoints);
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
  EXPECT_EQ(upstream.queue().ShareSet()->serving(), 0u);
}

}  // namespace
}  // namespace sluice::proxy
