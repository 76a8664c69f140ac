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
  upstream.Publish(upstream.MakeSet(std::vector{At(kB)}));
  EXPECT_FALSE(a.usable());
  EXPECT_EQ(a.name(), kA) << "a session may still name it";
  upstream.Publish(upstream.MakeSet(std::vector{At(kA), At(kB)}));
  EXPECT_NE(&upstream.queue().ShareSet()->endpoint(0), &a);
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
