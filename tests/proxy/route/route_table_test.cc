#include "proxy/route/route_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/proxy/route/hello_maker.h"

namespace sluice::proxy {
namespace {

using conf::Route;
using conf::RouteProtocol;
using Names = std::vector<std::string>;

Route Tls(Names sni, Names alpn = {}) {
  return {.sni = std::move(sni), .alpn = std::move(alpn), .upstream = "u"};
}

Route Of(RouteProtocol protocol) { return {.protocol = protocol, .upstream = "u"}; }

ClientHello HelloOf(std::string_view name, const Names& alpn = {}) {
  ClientHello hello;
  hello.Feed(BytesOf(MakeHello(name, alpn)));
  return hello;
}

std::optional<size_t> Find(const std::vector<Route>& routes, std::string_view name,
                           const Names& alpn = {}) {
  return RouteTable(routes).Find(HelloOf(name, alpn));
}

TEST(RouteTable, ANameIsOneOfTheRoutes) {
  const std::vector<Route> routes = {Tls({"a.org", "b.org"}), Tls({"c.org"})};
  EXPECT_EQ(Find(routes, "a.org"), 0U);
  EXPECT_EQ(Find(routes, "B.org."), 0U);
  EXPECT_EQ(Find(routes, "c.org"), 1U);
  EXPECT_EQ(Find(routes, "d.org"), std::nullopt);
  EXPECT_EQ(Find(routes, ""), std::nullopt);
  EXPECT_EQ(Find(routes, "x.a.org"), std::nullopt);
}

TEST(RouteTable, APatternIsOfNamesBelow) {
  const std::vector<Route> routes = {Tls({"*.A.org"})};
  EXPECT_EQ(Find(routes, "x.a.org"), 0U);
  EXPECT_EQ(Find(routes, "x.y.a.org"), 0U);
  EXPECT_EQ(Find(routes, "a.org"), std::nullopt);
  EXPECT_EQ(Find(routes, "xa.org"), std::nullopt);
  EXPECT_EQ(Find(routes, "org"), std::nullopt);
}

TEST(RouteTable, TheFirstThatHoldsIsTaken) {
  const std::vector<Route> routes = {Tls({"*.a.org"}, {"h2"}), Tls({"x.a.org"}), Tls({"*.a.org"}),
                                     Tls({"*.org"}), Of(RouteProtocol::kTls)};
  EXPECT_EQ(Find(routes, "x.a.org", {"http/1.1", "h2"}), 0U);
  EXPECT_EQ(Find(routes, "x.a.org", {"http/1.1"}), 1U);
  EXPECT_EQ(Find(routes, "y.a.org"), 2U);
  EXPECT_EQ(Find(routes, "a.org"), 3U);
  EXPECT_EQ(Find(routes, ""), 4U);
}

TEST(RouteTable, ProtocolsAreFoundByThemselves) {
  const std::vector<Route> routes = {Of(RouteProtocol::kSsh), Of(RouteProtocol::kHttp),
                                     Of(RouteProtocol::kSsh), Tls({"a.org"})};
  const RouteTable table(routes);
  EXPECT_EQ(table.Find(RouteProtocol::kSsh), 0U);
  EXPECT_EQ(table.Find(RouteProtocol::kHttp), 1U);
  EXPECT_EQ(table.Find(RouteProtocol::kMqtt), std::nullopt);
  EXPECT_TRUE(table.protocols().has(RouteProtocol::kTls));
  EXPECT_TRUE(table.protocols().has(RouteProtocol::kSsh));
  EXPECT_FALSE(table.protocols().has(RouteProtocol::kRdp));
}

TEST(RouteTable, OfNoRoutesNoneHolds) {
  EXPECT_EQ(Find({}, "a.org"), std::nullopt);
  EXPECT_FALSE(RouteTable({}).protocols().has(RouteProtocol::kTls));
}

// What the words of the header say, as a walk.
bool Matches(const std::string& pattern, const std::string& name) {
  if (!pattern.starts_with("*.")) return name == pattern;
  const std::string suffix = pattern.substr(1);
  return name.size() > suffix.size() && name.ends_with(suffix);
}

std::optional<size_t> Walk(const std::vector<Route>& routes, const std::string& name,
                           const Names& alpn) {
  for (size_t i = 0; i < routes.size(); ++i) {
    const Route& route = routes[i];
    const auto in_hello = [&](const std::string& each) {
      return std::ranges::find(alpn, each) != alpn.end();
    };
    const auto names_it = [&](const std::string& pattern) { return Matches(pattern, name); };
    if (!route.names_tls() && route.protocol != RouteProtocol::kTls) continue;
    if (!route.sni.empty() && !std::ranges::any_of(route.sni, names_it)) continue;
    if (!route.alpn.empty() && !std::ranges::any_of(route.alpn, in_hello)) continue;
    return i;
  }
  return std::nullopt;
}

TEST(RouteTable, IsAWalkOfTheList) {
  std::mt19937_64 random(18);
  const auto below = [&random](size_t bound) { return random() % bound; };
  const auto name = [&] {
    std::string text = std::string(1, static_cast<char>('a' + below(3)));
    for (size_t labels = below(3); labels > 0; --labels) {
      text = std::string(1, static_cast<char>('a' + below(3))) + "." + text;
    }
    return text;
  };
  size_t found = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<Route> routes;
    for (size_t count = 1 + below(8); count > 0; --count) {
      Route route = below(6) == 0 ? Of(static_cast<RouteProtocol>(1 + below(6))) : Tls({});
      if (route.protocol == RouteProtocol::kAny || route.protocol == RouteProtocol::kTls) {
        for (size_t i = below(3); i > 0; --i) {
          route.sni.push_back((below(2) == 0 ? "*." : "") + name());
        }
        for (size_t i = below(2); i > 0; --i) route.alpn.emplace_back(1, "hx"[below(2)]);
        if (!route.names_tls()) route.protocol = RouteProtocol::kTls;
      }
      routes.push_back(std::move(route));
    }
    const RouteTable table(routes);
    for (int i = 0; i < 8; ++i) {
      const std::string wanted = below(8) == 0 ? "" : name();
      const Names alpn = below(2) == 0 ? Names() : Names{"h"};
      const std::optional<size_t> expected = Walk(routes, wanted, alpn);
      EXPECT_EQ(table.Find(HelloOf(wanted, alpn)), expected) << wanted << " in round " << round;
      found += expected.has_value() ? 1 : 0;
    }
  }
  EXPECT_GT(found, 5000U);
}

}  // namespace
}  // namespace sluice::proxy
