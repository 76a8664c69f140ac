// Routes: what is warned of, and where.
#include <gtest/gtest.h>

#include <string>

#include "conf/load.h"
#include "tests/conf/testing.h"

namespace sluice::conf::testing {
namespace {

// The warnings about a listener with these routes; each is a line from 5 on.
std::string WarningsFor(const std::string& routes, const std::string& more = "") {
  const LoadResult result = Load(
      "upstreams: [{ name: app, endpoints: 127.0.0.1:3000 }]\n"
      "listeners:\n  - name: web\n    bind: 127.0.0.1:8443\n    upstream: app\n" +
      more + "    routes:\n" + routes);
  EXPECT_EQ(ErrorsOf(result), "");
  return WarningsOf(result);
}

TEST(Routes, AreTakenInOrder) {
  EXPECT_EQ(WarningsFor("      - { sni: a.org, upstream: app }\n"
                        "      - { sni: '*.org', alpn: h2, upstream: app }\n"
                        "      - { sni: '*.org', upstream: app }\n"
                        "      - { alpn: h2, upstream: app }\n"
                        "      - { protocol: ssh, upstream: app }\n"
                        "      - { protocol: tls, upstream: app }\n"),
            "");
}

TEST(Routes, OneThatNoClientTakesIsWarnedOf) {
  const std::string never =
      ": no client takes this route: all that could are taken by the route "
      "before it, at ";
  EXPECT_EQ(WarningsFor("      - { sni: a.org, upstream: app }\n"
                        "      - { sni: A.org., upstream: app }\n"),
            "test.yaml:8:9: warning: listeners[0].routes[1]" + never + "7:9\n");
  EXPECT_EQ(WarningsFor("      - { sni: '*.org', upstream: app }\n"
                        "      - { sni: ['*.a.org', b.c.org], alpn: h2, upstream: app }\n"),
            "test.yaml:8:9: warning: listeners[0].routes[1]" + never + "7:9\n");
  EXPECT_EQ(WarningsFor("      - { protocol: tls, upstream: app }\n"
                        "      - { sni: a.org, upstream: app }\n"
                        "      - { alpn: h2, upstream: app }\n"),
            "test.yaml:8:9: warning: listeners[0].routes[1]" + never +
                "7:9\ntest.yaml:9:9: warning: listeners[0].routes[2]" + never + "7:9\n");
  EXPECT_EQ(WarningsFor("      - { protocol: ssh, upstream: app }\n"
                        "      - { protocol: ssh, upstream: app }\n"),
            "test.yaml:8:9: warning: listeners[0].routes[1]" + never + "7:9\n");
  EXPECT_EQ(WarningsFor("      - { alpn: [h2, h3], upstream: app }\n"
                        "      - { sni: a.org, alpn: h3, upstream: app }\n"),
            "test.yaml:8:9: warning: listeners[0].routes[1]" + never + "7:9\n");
}

// What is taken only if it is offered is not taken always.
TEST(Routes, ANarrowerOneTakesNothingAway) {
  EXPECT_EQ(WarningsFor("      - { sni: a.org, alpn: h2, upstream: app }\n"
                        "      - { sni: a.org, alpn: [h2, h3], upstream: app }\n"
                        "      - { sni: a.org, upstream: app }\n"
                        "      - { sni: '*.a.org', upstream: app }\n"),
            "");
}

TEST(Routes, ANameThatIsTakenIsWarnedOf) {
  EXPECT_EQ(WarningsFor("      - { sni: a.org, upstream: app }\n"
                        "      - { sni: [b.org, a.org, B.org], upstream: app }\n"),
            "test.yaml:8:24: warning: listeners[0].routes[1].sni[1]: \"a.org\" is taken by the "
            "route before it, at 7:9\n"
            "test.yaml:8:31: warning: listeners[0].routes[1].sni[2]: \"B.org\" is here for the "
            "second time\n");
}

TEST(Routes, WaitingForNothingIsWarnedOf) {
  EXPECT_EQ(
      WarningsFor("      - { sni: a.org, upstream: app }\n", "    preread: { timeout: 1s }\n"), "");
  const std::string upstreams = "upstreams: [{ name: app, endpoints: 127.0.0.1:3000 }]\n";
  const std::string listeners = "listeners: [{ name: web, bind: 127.0.0.1:80, upstream: app";
  EXPECT_EQ(
      WarningsOf(Load(upstreams + listeners + ", preread: { timeout: 1s } }]\n")),
      "test.yaml:2:70: warning: listeners[0].preread: without routes nothing is waited for\n");
  EXPECT_EQ(
      WarningsOf(Load(upstreams + listeners + " }]\ndefaults: { preread: { timeout: 1s } }\n")),
      "test.yaml:3:22: warning: defaults.preread: no listener has routes, so nothing is waited "
      "for\n");
  EXPECT_EQ(
      WarningsOf(Load("upstreams: [{ name: app, endpoints: 127.0.0.1:3000, hash: { on: sni }, "
                      "balance: maglev }]\n" +
                      listeners + ", preread: { timeout: 1s } }]\n")),
      "");
}

// An endpoint that leads back by a route is a loop, too.
TEST(Routes, ALoopMayGoByARoute) {
  const LoadResult result = Load(
      "upstreams:\n"
      "  - { name: app, endpoints: 127.0.0.1:3000 }\n"
      "  - { name: back, endpoints: 127.0.0.1:8443 }\n"
      "listeners:\n"
      "  - { name: web, bind: 127.0.0.1:8443, upstream: app, routes: [{ sni: a.org, upstream: back "
      "}] "
      "}\n");
  EXPECT_EQ(ErrorsOf(result), "");
  EXPECT_NE(WarningsOf(result).find("leads back to this upstream"), std::string::npos);
}

// Lists are inherited as a whole, and a name alone is a list.
TEST(Routes, AreRead) {
  const LoadResult result = Load(
      "upstreams: [{ name: app, endpoints: 127.0.0.1:3000 }]\n"
      "defaults: { preread: { timeout: 1s, not_tls: reject } }\n"
      "listeners:\n"
      "  - { name: web, bind: 127.0.0.1:8443, upstream: app, preread: { on_timeout: reject },\n"
      "      routes: [{ sni: '*.a.org', alpn: h2, upstream: app }, { protocol: rdp, upstream: app "
      "}] "
      "}\n");
  ASSERT_EQ(ErrorsOf(result), "");
  const Listener& listener = result.config.listeners[0];
  EXPECT_EQ(listener.preread,
            (Preread{.timeout = 1s, .on_timeout = NoRoute::kReject, .not_tls = NoRoute::kReject}));
  EXPECT_EQ(listener.routes,
            (std::vector<Route>{{.sni = {"*.a.org"}, .alpn = {"h2"}, .upstream = "app"},
                                {.protocol = RouteProtocol::kRdp, .upstream = "app"}}));
}

}  // namespace
}  // namespace sluice::conf::testing
