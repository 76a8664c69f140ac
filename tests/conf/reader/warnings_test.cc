// What is allowed and surely not meant: FILE:LINE:COLUMN: warning: MESSAGE, and loops among the
// listeners of one process.

#include "conf/reader/warnings.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "conf/reader/loops.h"
#include "tests/conf/testing.h"

namespace sluice::conf::testing {
namespace {

TEST(Warnings, NoneForAGoodFile) {
  const LoadResult result = Load(kMinimal);
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(WarningsOf(result), "");
}

TEST(Warnings, NameThePlace) {
  const LoadResult result = Load(R"(
listeners:
  - { name: web, bind: "127.0.0.1:8080", upstream: app }
upstreams:
  - name: app
    endpoints: ["10.0.0.1:80", "127.0.0.1:8080"]
)");
  EXPECT_TRUE(result.ok()) << ErrorsOf(result);
  EXPECT_EQ(
      WarningsOf(result),
      "test.yaml:6:32: warning: upstreams[0].endpoints[1]: \"127.0.0.1:8080\" is the listener "
      "\"web\" of this proxy and leads back to this upstream: no connections to it will be made\n");
}

TEST(Warnings, NoneBesideErrors) {
  const LoadResult result = Load(R"(
listeners:
  - { name: web, bind: "127.0.0.1:8080", upstream: app, max_connections: many }
upstreams:
  - { name: app, endpoints: ["127.0.0.1:8080"] }
)");
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(WarningsOf(result), "");
}

std::string Warned(const std::string& text) {
  const LoadResult result = Load(text);
  EXPECT_TRUE(result.ok()) << ErrorsOf(result);
  return WarningsOf(result);
}

constexpr char kWeb[] = "listeners: [{ name: web, bind: \"127.0.0.1:80\", upstream: app }]\n";
constexpr char kApp[] = "upstreams: [{ name: app, endpoints: \"127.0.0.1:1\" }]\n";

TEST(Warnings, AnUpstreamThatNobodyUses) {
  const std::string others = std::string(kWeb) +
                             "upstreams:\n"
                             "  - { name: app, endpoints: \"127.0.0.1:1\" }\n"
                             "  - { name: old, endpoints: \"127.0.0.1:2\" }\n";
  EXPECT_EQ(
      Warned(others),
      "test.yaml:4:13: warning: upstreams[1].name: \"old\" is the upstream of no listener and "
      "of no route\n");
  EXPECT_EQ(Warned(others + "ready_when: [{ upstream: old }]\n"), "");
}

TEST(Warnings, OneEndpointTwice) {
  EXPECT_EQ(Warned(std::string(kWeb) +
                   "upstreams: [{ name: app, endpoints: [\"127.0.0.1:1\", \"127.0.0.1:1\"] }]\n"),
            "test.yaml:2:53: warning: upstreams[0].endpoints[1].address: \"127.0.0.1:1\" is here "
            "for the second time; the first is at 2:38 (what gives an endpoint more sessions is "
            "its weight)\n");
  EXPECT_EQ(Warned(std::string(kWeb) +
                   "upstreams: [{ name: app, endpoints: [{ address: \"127.0.0.1:1\", name: a }, "
                   "{ address: \"127.0.0.1:1\", name: b }] }]\n"),
            "");
}

TEST(Warnings, ALimitAboveThatOfAll) {
  const std::string listener =
      "listeners: [{ name: web, bind: \"127.0.0.1:80\", upstream: app, max_connections: 101 }]\n";
  EXPECT_EQ(Warned(listener + kApp + "limits: { max_connections: 100 }\n"),
            "test.yaml:1:80: warning: listeners[0].max_connections: 101 is never reached: "
            "limits.max_connections is 100\n");
  EXPECT_EQ(Warned(listener + kApp), "") << "auto is known at the start alone";
  EXPECT_EQ(Warned(listener + kApp + "limits: { max_connections: 101 }\n"), "");
}

TEST(Warnings, TimesThatAreNeverReached) {
  EXPECT_EQ(
      Warned(std::string(kWeb) + kApp + "defaults: { timeouts: { idle: 2h, max_lifetime: 1h } }\n"),
      "test.yaml:3:31: warning: defaults.timeouts.idle: 2h is never reached: sessions end at "
      "max_lifetime (1h)\n");
  EXPECT_EQ(
      Warned("listeners: [{ name: web, bind: \"127.0.0.1:80\", upstream: app, timeouts: { idle: "
             "1h } }]\n" +
             std::string(kApp) + "defaults: { timeouts: { max_lifetime: 30m } }\n"),
      "test.yaml:1:81: warning: listeners[0].timeouts.idle: 1h is never reached: sessions end "
      "at max_lifetime (30m)\n");
  EXPECT_EQ(Warned(std::string(kWeb) + kApp + "defaults: { timeouts: { max_lifetime: 5m } }\n"), "")
      << "nobody has chosen the idle time";
  EXPECT_EQ(Warned(std::string(kWeb) + kApp +
                   "defaults: { upstream: { passive_health: { ejection: 10m } } }\n"),
            "test.yaml:3:53: warning: defaults.upstream.passive_health.ejection: 10m is never "
            "reached: no ejection is longer than max_ejection (5m)\n");
}

TEST(Warnings, AConditionThatNeverHolds) {
  const std::string condition = "ready_when: [{ upstream: app, usable: 2 }]\n";
  EXPECT_EQ(Warned(std::string(kWeb) + kApp + condition),
            "test.yaml:3:39: warning: ready_when[0].usable: 2 is not reached: \"app\" has 1 "
            "endpoint here\n");
  EXPECT_EQ(Warned(std::string(kWeb) + condition +
                   "upstreams: [{ name: app, endpoints: \"app.internal:1\" }]\n"),
            "");
}

TEST(Warnings, AHashThatNobodyGoesBy) {
  const auto warned = [](const std::string& keys) {
    return Warned(std::string(kWeb) + "upstreams: [{ name: app, endpoints: \"127.0.0.1:1\", " +
                  keys + " }]\n");
  };
  EXPECT_EQ(
      warned("hash: { on: sni }"),
      "test.yaml:2:64: warning: upstreams[0].hash.on: only balance: source_hash and maglev go "
      "by it\n");
  EXPECT_EQ(warned("hash: { on: sni }, balance: maglev"), "");
}

// "listener: bind > upstream" and "upstream: endpoint endpoint ...".
Config ConfigOf(const std::vector<std::array<std::string, 3>>& listeners,
                const std::vector<std::vector<std::string>>& upstreams) {
  Config config;
  for (const auto& [name, bind, upstream] : listeners) {
    Listener listener;
    listener.name = name;
    listener.bind = {*core::Address::Parse(bind)};
    listener.upstream = upstream;
    config.listeners.push_back(listener);
  }
  for (const std::vector<std::string>& words : upstreams) {
    Upstream upstream;
    upstream.name = words[0];
    for (size_t i = 1; i < words.size(); ++i) {
      upstream.endpoints.push_back({.address = *core::Address::Parse(words[i])});
    }
    config.upstreams.push_back(upstream);
  }
  return config;
}

bool ReachesItself(const std::string& bind, const std::string& endpoint, bool ipv6_only = true) {
  Config config = ConfigOf({{"web", bind, "app"}}, {{"app", endpoint}});
  config.listeners[0].socket.ipv6_only = ipv6_only;
  return !FindLoops(config).empty();
}

TEST(Loops, WhichEndpointAListenerIs) {
  EXPECT_TRUE(ReachesItself("127.0.0.1:80", "127.0.0.1:80"));
  EXPECT_TRUE(ReachesItself("0.0.0.0:80", "127.3.2.1:80"));
  EXPECT_TRUE(ReachesItself("0.0.0.0:80", "0.0.0.0:80"));
  EXPECT_TRUE(ReachesItself("127.0.0.1:80", "0.0.0.0:80"));
  EXPECT_TRUE(ReachesItself("10.0.0.1:80", "10.0.0.1:80"));
  EXPECT_TRUE(ReachesItself("0.0.0.0:80", "[::ffff:127.0.0.1]:80"));
  EXPECT_TRUE(ReachesItself("127.0.0.1:80", "[::ffff:127.0.0.1]:80"));
  EXPECT_TRUE(ReachesItself("[::1]:80", "[::1]:80"));
  EXPECT_TRUE(ReachesItself("[::]:80", "[::1]:80"));
  EXPECT_TRUE(ReachesItself("[::1]:80", "[::]:80"));
  EXPECT_TRUE(ReachesItself("[::]:80", "127.0.0.1:80", /*ipv6_only=*/false));
  EXPECT_TRUE(ReachesItself("unix:@web", "unix:@web"));
  EXPECT_TRUE(ReachesItself("unix:/run/web", "unix:/run/../run/./web"));
}

TEST(Loops, WhichEndpointAListenerIsNot) {
  EXPECT_FALSE(ReachesItself("127.0.0.1:80", "127.0.0.1:81"));
  EXPECT_FALSE(ReachesItself("127.0.0.1:80", "127.0.0.2:80"));
  EXPECT_FALSE(ReachesItself("10.0.0.1:80", "0.0.0.0:80"));
  EXPECT_FALSE(ReachesItself("0.0.0.0:80", "10.0.0.1:80")) << "another host's, as far as is known";
  EXPECT_FALSE(ReachesItself("[::]:80", "127.0.0.1:80"));
  EXPECT_FALSE(ReachesItself("0.0.0.0:80", "[::1]:80"));
  EXPECT_FALSE(ReachesItself("unix:/run/web", "unix:/run/app"));
  EXPECT_FALSE(ReachesItself("unix:@web", "unix:/web"));
  EXPECT_FALSE(ReachesItself("127.0.0.1:0", "127.0.0.1:1"));
}

TEST(Loops, AddressesOfThisHostAreAskedFor) {
  const Config config = ConfigOf({{"web", "0.0.0.0:80", "app"}}, {{"app", "10.0.0.1:80"}});
  EXPECT_EQ(
      FindLoops(config, {config.listeners[0].bind}, [](const core::Address&) { return true; }),
      (std::vector<Loop>{{0, 0, 0}}));
}

TEST(Loops, AWayRoundOverTwoListeners) {
  const Config config = ConfigOf({{"a", "127.0.0.1:80", "A"}, {"b", "127.0.0.1:81", "B"}},
                                 {{"A", "127.0.0.1:81"}, {"B", "10.0.0.1:1", "127.0.0.1:80"}});
  EXPECT_EQ(FindLoops(config), (std::vector<Loop>{{0, 0, 1}, {1, 1, 0}}));
}

TEST(Loops, AChainIsNone) {
  const Config config = ConfigOf({{"a", "127.0.0.1:80", "A"}, {"b", "127.0.0.1:81", "B"}},
                                 {{"A", "127.0.0.1:81"}, {"B", "127.0.0.1:82"}});
  EXPECT_EQ(FindLoops(config), std::vector<Loop>{});
}

TEST(Loops, AWayIntoALoopIsNone) {
  const Config config = ConfigOf({{"a", "127.0.0.1:80", "A"}, {"b", "127.0.0.1:81", "B"}},
                                 {{"A", "127.0.0.1:81"}, {"B", "127.0.0.1:81"}});
  EXPECT_EQ(FindLoops(config), (std::vector<Loop>{{1, 0, 1}}));
}

TEST(Loops, ALinkToTheSocket) {
  char folder[] = "/tmp/sluice-loops-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string path = folder;
  std::ofstream(path + "/web") << "stands for the socket, which is there once it is bound";
  ASSERT_EQ(symlink("web", (path + "/link").c_str()), 0);
  EXPECT_TRUE(ReachesItself("unix:" + path + "/web", "unix:" + path + "/link"));
  std::filesystem::remove_all(path);
}

// A chain of all, closed at the end: no recursion, nothing quadratic.
TEST(Loops, ManyListeners) {
  constexpr int kCount = 20'000;
  Config config;
  const auto address = [](int i) {
    return *core::Address::Parse("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250) +
                                 ":80");
  };
  for (int i = 0; i < kCount; ++i) {
    Listener listener;
    listener.name = listener.upstream = std::to_string(i);
    listener.bind = {*core::Address::Parse("127.0.0.1:" + std::to_string(i + 1))};
    config.listeners.push_back(listener);
    Upstream upstream;
    upstream.name = listener.name;
    upstream.endpoints = {
        {.address = *core::Address::Parse("127.0.0.1:" + std::to_string((i + 1) % kCount + 1))},
        {.address = address(i)}};
    config.upstreams.push_back(upstream);
  }
  EXPECT_EQ(FindLoops(config).size(), size_t{kCount});
}

// The same, each listener on an address of its own and all on one port; one of them is not closed.
TEST(Loops, ManyListenersOfOnePort) {
  constexpr int kCount = 20'000;
  const auto address = [](int i) {
    return *core::Address::Parse("127.1." + std::to_string(i / 250) + "." +
                                 std::to_string(i % 250 + 1) + ":80");
  };
  Config config;
  for (int i = 0; i < kCount; ++i) {
    Listener listener;
    listener.name = listener.upstream = std::to_string(i);
    listener.bind = {address(i)};
    config.listeners.push_back(listener);
    Upstream upstream;
    upstream.name = listener.name;
    upstream.endpoints = {{.address = address((i + 1) % kCount)}};
    config.upstreams.push_back(upstream);
  }
  EXPECT_EQ(FindLoops(config).size(), size_t{kCount});
  config.upstreams[7].endpoints = {{.address = address(kCount)}};
  EXPECT_TRUE(FindLoops(config).empty());
}

// Of several that an endpoint may lead to it is the first, however they are written.
TEST(Loops, TheFirstOfSeveral) {
  for (const char* endpoint : {"127.0.0.1:80", "[::ffff:127.0.0.1]:80", "0.0.0.0:80"}) {
    for (const bool any_first : {true, false}) {
      const std::string other = any_first ? "127.0.0.1:80" : "0.0.0.0:80";
      const std::string first = any_first ? "0.0.0.0:80" : "127.0.0.1:80";
      const Config config = ConfigOf(
          {{"x", "10.0.0.1:80", "A"}, {"a", first, "A"}, {"b", other, "A"}}, {{"A", endpoint}});
      EXPECT_EQ(FindLoops(config), (std::vector<Loop>{{0, 0, 1}})) << endpoint << any_first;
    }
  }
}

}  // namespace
}  // namespace sluice::conf::testing
