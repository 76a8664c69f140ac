#include "core/net/network.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::core {
namespace {

std::string ErrorOf(std::string_view text) {
  return std::string(Network::Parse(text).status().message());
}

TEST(Network, KeepsItsText) {
  for (const std::string_view text :
       {"10.0.0.0/8", "0.0.0.0/0", "192.0.2.1", "2001:db8::/32", "::/0", "::1", "fe80::/10"}) {
    ASSERT_TRUE(Network::Parse(text).ok()) << ErrorOf(text);
    EXPECT_EQ(Network::Parse(text)->ToString(), text);
  }
  EXPECT_EQ(Network::Parse("192.0.2.1/32")->ToString(), "192.0.2.1");
  EXPECT_EQ(Network::Parse("2001:DB8:0::/32"), Network::Parse("2001:db8::/32"));
  EXPECT_EQ(Network().ToString(), "");
}

TEST(Network, SaysWhatIsWrong) {
  EXPECT_EQ(ErrorOf("10.1.2.3/8"),
            "\"10.1.2.3/8\" has bits set after its prefix: its network is 10.0.0.0/8");
  EXPECT_EQ(ErrorOf("10.0.0.0/33"),
            "\"10.0.0.0/33\" has no prefix length from 0 to 32 after its \"/\"");
  EXPECT_EQ(ErrorOf("::/129"), "\"::/129\" has no prefix length from 0 to 128 after its \"/\"");
  EXPECT_EQ(ErrorOf("10.0.0.0/255.0.0.0"),
            "\"10.0.0.0/255.0.0.0\" has no prefix length from 0 to 32 after its \"/\"");
  EXPECT_EQ(ErrorOf("10.0.0.0/"),
            "\"10.0.0.0/\" has no prefix length from 0 to 32 after its \"/\"");
  EXPECT_EQ(ErrorOf("example.org"), "\"example.org\" does not begin with an IP address");
  EXPECT_EQ(ErrorOf(""), "\"\" does not begin with an IP address");
  EXPECT_EQ(ErrorOf("::ffff:10.0.0.1"),
            "\"::ffff:10.0.0.1\" is IPv4 written as IPv6: write 10.0.0.1");
  EXPECT_EQ(ErrorOf("::ffff:10.0.0.0/104"),
            "\"::ffff:10.0.0.0/104\" is IPv4 written as IPv6: write 10.0.0.0 and the prefix length "
            "of IPv4");
}

TEST(Network, ContainsTheAddressesOfItsPrefix) {
  const Network network = *Network::Parse("10.128.0.0/9");
  EXPECT_TRUE(network.Contains(*Address::Parse("10.128.0.0:1")));
  EXPECT_TRUE(network.Contains(*Address::Parse("10.255.255.255:1")));
  EXPECT_FALSE(network.Contains(*Address::Parse("10.127.255.255:1")));
  EXPECT_FALSE(network.Contains(*Address::Parse("11.0.0.0:1")));
  EXPECT_TRUE(network.Contains(*Address::Parse("[::ffff:10.200.0.1]:1")));
  EXPECT_FALSE(network.Contains(*Address::Parse("[::1]:1")));
  EXPECT_FALSE(network.Contains(*Address::Parse("unix:/x")));
  EXPECT_FALSE(Network().Contains(*Address::Parse("10.128.0.0:1")));
}

TEST(Network, IsThatAroundAnAddress) {
  const Address host = *Address::ParseHost("2001:db8:ffff::1");
  EXPECT_EQ(Network::Around(host, 33).ToString(), "2001:db8:8000::/33");
  EXPECT_EQ(Network::Around(host, 128).ToString(), "2001:db8:ffff::1");
  EXPECT_EQ(Network::Around(host, 0).ToString(), "::/0");
  EXPECT_EQ(Network::Around(*Address::ParseHost("192.0.2.1"), 64).ToString(), "192.0.2.1");
}

}  // namespace
}  // namespace sluice::core
