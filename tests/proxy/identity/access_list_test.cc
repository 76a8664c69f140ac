#include "proxy/identity/access_list.h"

#include <gtest/gtest.h>

#include <cstring>
#include <initializer_list>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace sluice::proxy {
namespace {

using core::Address;
using core::Network;

std::vector<Network> Networks(std::initializer_list<std::string_view> texts) {
  std::vector<Network> networks;
  for (const std::string_view text : texts) networks.push_back(*Network::Parse(text));
  return networks;
}

conf::Access Lists(std::initializer_list<std::string_view> allow,
                   std::initializer_list<std::string_view> deny) {
  return {.allow = Networks(allow), .deny = Networks(deny), .files = {}};
}

bool Allows(const conf::Access& access, std::string_view client) {
  return AccessList(access).Decide(*Address::ParseHost(client)).is_allowed;
}

TEST(AccessList, TheMostSpecificNetworkDecides) {
  const conf::Access access =
      Lists({"10.0.0.0/8", "10.1.2.3", "2001:db8::/32"}, {"10.1.0.0/16", "2001:db8:1::/48"});
  EXPECT_TRUE(Allows(access, "10.2.0.1"));
  EXPECT_FALSE(Allows(access, "10.1.0.1"));
  EXPECT_TRUE(Allows(access, "10.1.2.3"));
  EXPECT_FALSE(Allows(access, "10.1.2.2"));
  EXPECT_FALSE(Allows(access, "10.1.2.4"));
  EXPECT_TRUE(Allows(access, "2001:db8:2::1"));
  EXPECT_FALSE(Allows(access, "2001:db8:1::1"));
}

TEST(AccessList, OnATieDenyWins) {
  EXPECT_FALSE(Allows(Lists({"10.0.0.0/8"}, {"10.0.0.0/8"}), "10.0.0.1"));
  // The denied network was allowed, too: so this is a list of those that may connect.
  EXPECT_FALSE(Allows(Lists({"10.0.0.0/8"}, {"10.0.0.0/8"}), "192.0.2.1"));
}

TEST(AccessList, WithoutAnAllowedNetworkTheRestIsAllowed) {
  EXPECT_TRUE(Allows(Lists({}, {"10.0.0.0/8"}), "192.0.2.1"));
  EXPECT_FALSE(Allows(Lists({"10.0.0.0/8"}, {}), "192.0.2.1"));
  EXPECT_FALSE(Allows(Lists({"10.0.0.0/8"}, {}), "2001:db8::1"));
  EXPECT_TRUE(Allows(Lists({}, {}), "192.0.2.1"));
}

TEST(AccessList, AllOfAFamilyIsANetwork) {
  EXPECT_FALSE(Allows(Lists({}, {"0.0.0.0/0"}), "255.255.255.255"));
  EXPECT_TRUE(Allows(Lists({}, {"0.0.0.0/0"}), "::1"));
  EXPECT_FALSE(Allows(Lists({"::1"}, {"::/0"}), "::2"));
  EXPECT_TRUE(Allows(Lists({"::1"}, {"::/0"}), "::1"));
  EXPECT_FALSE(Allows(Lists({}, {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}),
                      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
}

TEST(AccessList, ClientsOfADualStackListenerAreIpv4) {
  const conf::Access access = Lists({}, {"10.0.0.0/8"});
  EXPECT_FALSE(Allows(access, "::ffff:10.0.0.1"));
  EXPECT_TRUE(Allows(access, "::ffff:11.0.0.1"));
  EXPECT_TRUE(Allows(Lists({}, {"::/0"}), "::ffff:10.0.0.1"));
}

TEST(AccessList, ClientsOfUnixSocketsMayConnect) {
  const AccessList list(Lists({"10.0.0.0/8"}, {"0.0.0.0/0", "::/0"}));
  EXPECT_TRUE(list.Decide(Address::UnixPath("/run/client")).is_allowed);
  EXPECT_FALSE(list.Decide(Address()).is_allowed) << "whose address is unknown";
}

TEST(AccessList, NamesTheRule) {
  conf::Access access = Lists({"10.0.0.0/8"}, {"10.1.0.0/16"});
  const std::vector<conf::AccessRule> rules = {{*Network::Parse("10.1.2.0/24"), true, 7}};
  access.files = {
      {.path = "list", .rules = std::make_shared<const std::vector<conf::AccessRule>>(rules)}};
  const AccessList list(access);
  const auto rule = [&list](std::string_view client) {
    return list.RuleToString(list.Decide(*Address::ParseHost(client)).rule);
  };
  EXPECT_EQ(rule("10.9.9.9"), "allow 10.0.0.0/8");
  EXPECT_EQ(rule("10.1.9.9"), "deny 10.1.0.0/16");
  EXPECT_EQ(rule("10.1.2.9"), "allow 10.1.2.0/24 (list:7)");
  EXPECT_EQ(rule("11.1.2.9"), "no network");
}

// An IPv4 address near others, or an IPv6 one: with few different bits, so that networks nest.
Address AnyAddress(std::mt19937_64& random, bool is_ipv4) {
  in6_addr host{};
  for (uint8_t& byte : host.s6_addr) {
    byte = random() % 3 == 0 ? static_cast<uint8_t>(random() % 256)
                             : static_cast<uint8_t>(random() % 2 * 255);
  }
  if (!is_ipv4) return Address::Ipv6(host, 0);
  in_addr ipv4;
  std::memcpy(&ipv4, host.s6_addr, sizeof(ipv4));
  return Address::Ipv4(ipv4, 0);
}

// Says the same as a look at every network.
bool AllowsByHand(const conf::Access& access, const Address& client) {
  int longest = -1;
  bool is_allowed = access.allow.empty();
  for (const Network& network : access.allow) {
    if (!network.Contains(client) || network.length() <= longest) continue;
    longest = network.length();
    is_allowed = true;
  }
  for (const Network& network : access.deny) {
    if (!network.Contains(client) || network.length() < longest) continue;
    longest = network.length();
    is_allowed = false;
  }
  return is_allowed;
}

TEST(AccessList, SaysWhatALookAtEveryNetworkSays) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    conf::Access access;
    const uint64_t count = random() % 40;
    for (uint64_t i = 0; i < count; ++i) {
      const bool is_ipv4 = random() % 2 == 0;
      const auto length = static_cast<int>(random() % (is_ipv4 ? 33 : 129));
      std::vector<Network>& list = random() % 2 == 0 ? access.allow : access.deny;
      list.push_back(Network::Around(AnyAddress(random, is_ipv4), length));
    }
    const AccessList list(access);
    for (int i = 0; i < 300; ++i) {
      const Address client = AnyAddress(random, random() % 2 == 0);
      EXPECT_EQ(list.Decide(client).is_allowed, AllowsByHand(access, client))
          << client.HostToString();
    }
  }
}

TEST(AccessList, AHundredThousandNetworksTakeFewMegabytes) {
  std::mt19937_64 random(1);
  conf::Access access;
  for (int i = 0; i < 100'000; ++i) {
    const auto bits = static_cast<uint32_t>(random());
    access.deny.push_back(
        Network::Around(Address::Ipv4({bits}, 0), 12 + static_cast<int>(random() % 21)));
  }
  const AccessList list(access);
  EXPECT_GT(list.size(), 90'000u);
  EXPECT_LT(list.bytes(), size_t{8} << 20);
}

}  // namespace
}  // namespace sluice::proxy
