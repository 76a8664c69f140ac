// Anchors, merges and short forms: several ways to write a configuration mean the same.

#include <gtest/gtest.h>

#include <string>

#include "tests/conf/testing.h"

namespace sluice::conf::testing {
namespace {

// Merges take what a mapping does not have itself; keys that begin with "x-" hold anchors.
TEST(ShortForms, Merges) {
  const LoadResult result = Load(std::string(R"(
x-common: &common { idle: 7s, connect: 2s, unknown_here: &nothing 1 }
x-other: &other { connect: 3s, linger: 4s }
x-both: &both { <<: *other, linger: 8s }
defaults:
  timeouts: { <<: [*both, { idle: 9s }], linger: 5s }
)") + kMinimal);
  ASSERT_TRUE(result.ok()) << ErrorsOf(result);
  const Timeouts& timeouts = result.config.defaults.timeouts;
  EXPECT_EQ(timeouts.connect, 3s);
  EXPECT_EQ(timeouts.linger, 5s);
  EXPECT_EQ(timeouts.idle, 9s);
}

TEST(ShortForms, UpstreamsInheritTheirDefaults) {
  const LoadResult result = Load(R"(
upstreams:
  - { name: a, endpoints: "127.0.0.1:1" }
  - { name: b, endpoints: "127.0.0.1:2", queue_timeout: 1s, on_removed: { drain_timeout: 3s } }
listeners: [{ name: web, bind: "127.0.0.1:80", upstream: a }]
defaults:
  upstream:
    queue_timeout: 9s
    connect_attempts: 7
    on_removed: { sessions: reset, drain_timeout: 2s }
    socket: { keepalive: 5s }
)");
  ASSERT_TRUE(result.ok()) << ErrorsOf(result);
  const Upstream& a = result.config.upstreams.at(0);
  const Upstream& b = result.config.upstreams.at(1);
  EXPECT_EQ(a.queue_timeout, 9s);
  EXPECT_EQ(a.on_removed, (OnRemoved{SessionsOfRemoved::kReset, 2s}));
  EXPECT_EQ(b.queue_timeout, 1s);
  EXPECT_EQ(b.on_removed, (OnRemoved{SessionsOfRemoved::kReset, 3s})) << "key by key";
  for (const Upstream* upstream : {&a, &b}) {
    EXPECT_EQ(upstream->connect_attempts, 7u);
    EXPECT_EQ(upstream->socket.keepalive, 5s);
    EXPECT_EQ(upstream->endpoints.size(), 1u);
  }
}

TEST(ShortForms, WholeListenersCanBeMerged) {
  const LoadResult result = Load(R"(
x-listener: &listener { upstream: app, max_connections: 7 }
listeners:
  - { <<: *listener, name: a, bind: "127.0.0.1:1" }
  - { <<: *listener, name: b, bind: "127.0.0.1:2", max_connections: 8 }
upstreams:
  - { name: app, endpoints: ["127.0.0.1:3000"] }
)");
  ASSERT_TRUE(result.ok()) << ErrorsOf(result);
  EXPECT_EQ(result.config.listeners[0].max_connections, 7u);
  EXPECT_EQ(result.config.listeners[1].max_connections, 8u);
}

TEST(ShortForms, OneEndpointNeedsNoList) {
  for (const char* endpoints : {"127.0.0.1:3000", "{ address: '127.0.0.1:3000' }",
                                "[127.0.0.1:3000]", "[{ address: '127.0.0.1:3000' }]"}) {
    const LoadResult result = Load(
        "listeners: [{ name: web, bind: 127.0.0.1:8080, upstream: app }]\n"
        "upstreams: [{ name: app, endpoints: " +
        std::string(endpoints) + " }]\n");
    ASSERT_TRUE(result.ok()) << ErrorsOf(result);
    EXPECT_EQ(result.config, Load(kMinimal).config) << endpoints;
  }
}

TEST(ShortForms, WeightZeroDrains) {
  const auto load = [](const std::string& other) {
    return Load(R"(
listeners:
  - { name: web, bind: "127.0.0.1:8080", upstream: app }
upstreams:
  - name: app
    endpoints:
      - { address: "127.0.0.1:3000", weight: 0 }
      - { address: "127.0.0.1:3001", weight: )" +
                other + " }\n");
  };
  EXPECT_TRUE(load("1").ok());
  EXPECT_EQ(WarningsOf(load("1")), "");
  EXPECT_EQ(load("1").config.upstreams[0].endpoints[0].weight, 0u);
  EXPECT_TRUE(load("0").ok());
  EXPECT_EQ(WarningsOf(load("0")),
            "test.yaml:7:7: warning: upstreams[0]: every endpoint of \"app\" has weight 0: its "
            "clients wait for queue_timeout and are reset (reason queue_timeout)\n");
}

}  // namespace
}  // namespace sluice::conf::testing
