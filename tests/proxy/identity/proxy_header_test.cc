#include "proxy/identity/proxy_header.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::proxy {
namespace {

using conf::ProxyTlv;
using conf::ProxyVersion;
using core::Address;

const conf::SendProxy kV1 = {.version = ProxyVersion::kV1, .tlvs = {}};
const conf::SendProxy kV2 = {.version = ProxyVersion::kV2, .tlvs = {}};
const conf::SendProxy kV2Checked = {.version = ProxyVersion::kV2, .tlvs = {ProxyTlv::kCrc32c}};

ProxiedConnection Between(std::string_view client, std::string_view proxy) {
  return {.client = *Address::Parse(client), .proxy = *Address::Parse(proxy)};
}

std::string Hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<uint8_t>(c) >> 4];
    text += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return text;
}

constexpr char kSignature[] = "0d0a0d0a000d0a515549540a";

TEST(ProxyHeader, Version1) {
  EXPECT_EQ(MakeProxyHeader(kV1, Between("192.0.2.7:51514", "10.0.0.1:443")),
            "PROXY TCP4 192.0.2.7 10.0.0.1 51514 443\r\n");
  EXPECT_EQ(MakeProxyHeader(kV1, Between("[2001:db8::7]:51514", "[::1]:443")),
            "PROXY TCP6 2001:db8::7 ::1 51514 443\r\n");
  EXPECT_EQ(MakeProxyHeader(kV1, Between("[::ffff:192.0.2.7]:51514", "[::ffff:10.0.0.1]:443")),
            "PROXY TCP4 192.0.2.7 10.0.0.1 51514 443\r\n");
}

TEST(ProxyHeader, Version1IsUnknownWhereItHasNoWord) {
  EXPECT_EQ(MakeProxyHeader(kV1, Between("unix:/client", "unix:/proxy")), "PROXY UNKNOWN\r\n");
  EXPECT_EQ(MakeProxyHeader(kV1, {}), "PROXY UNKNOWN\r\n");
  EXPECT_EQ(MakeLocalProxyHeader(kV1), "PROXY UNKNOWN\r\n");
}

TEST(ProxyHeader, Version2) {
  EXPECT_EQ(Hex(MakeProxyHeader(kV2, Between("192.0.2.7:51514", "10.0.0.1:443"))),
            std::string(kSignature) + "2111000cc00002070a000001c93a01bb");
  EXPECT_EQ(Hex(MakeProxyHeader(kV2, Between("[2001:db8::7]:51514", "[::1]:443"))),
            std::string(kSignature) +
                "21210024"
                "20010db8000000000000000000000007"
                "00000000000000000000000000000001c93a01bb");
  EXPECT_EQ(Hex(MakeProxyHeader(kV2, Between("[::ffff:192.0.2.7]:51514", "10.0.0.1:443"))),
            std::string(kSignature) + "2111000cc00002070a000001c93a01bb");
  EXPECT_EQ(Hex(MakeLocalProxyHeader(kV2)), std::string(kSignature) + "20000000");
  EXPECT_EQ(Hex(MakeProxyHeader(kV2, {})), std::string(kSignature) + "21000000");
}

TEST(ProxyHeader, Version2HasUnixNames) {
  const std::string header = MakeProxyHeader(kV2, Between("unix:@client", "unix:/run/proxy"));
  ASSERT_EQ(header.size(), 16u + 216u);
  EXPECT_EQ(Hex(header.substr(0, 16)), std::string(kSignature) + "213100d8");
  EXPECT_EQ(header.substr(16, 8), std::string("\0client\0", 8));
  EXPECT_EQ(header.substr(16 + 108, 11), std::string("/run/proxy\0", 11));
}

// Vectors of RFC 3720, B.4.
TEST(ProxyHeader, ChecksumIsThatOfCastagnoli) {
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST(ProxyHeader, TheChecksumIsOfTheHeaderWithoutIt) {
  std::string header = MakeProxyHeader(kV2Checked, Between("192.0.2.7:51514", "10.0.0.1:443"));
  ASSERT_EQ(header.size(), 16u + 12u + 7u);
  EXPECT_EQ(Hex(header.substr(14, 2)), "0013");
  EXPECT_EQ(Hex(header.substr(28, 3)), "030004");
  const std::string checksum = Hex(header.substr(31));
  header.replace(31, 4, 4, '\0');
  const uint32_t expected = Crc32c(header);
  std::string big_endian;
  for (const int shift : {24, 16, 8, 0}) big_endian += static_cast<char>(expected >> shift);
  EXPECT_EQ(checksum, Hex(big_endian));
}

TEST(ProxyHeader, TlvsThatAreAskedForAndKnown) {
  ProxiedConnection connection = Between("192.0.2.7:51514", "10.0.0.1:443");
  connection.alpn = "h2";
  connection.authority = "a.example";
  connection.unique_id = "7-1";
  const conf::SendProxy all = {
      .version = ProxyVersion::kV2,
      .tlvs = {ProxyTlv::kUniqueId, ProxyTlv::kAuthority, ProxyTlv::kAlpn, ProxyTlv::kCrc32c}};
  const std::string header = MakeProxyHeader(all, connection);
  EXPECT_EQ(Hex(header.substr(14, 2)), "002a");  // 12 + 5 + 12 + 6 + 7
  EXPECT_EQ(Hex(header.substr(28, 26)),
            "010002"
            "6832"
            "020009"
            "612e6578616d706c65"
            "050003"
            "372d31"
            "030004");
  EXPECT_EQ(Hex(MakeProxyHeader(kV2, connection)),
            std::string(kSignature) + "2111000cc00002070a000001c93a01bb");
  connection.alpn = connection.authority = connection.unique_id = "";
  EXPECT_EQ(MakeProxyHeader(all, connection).size(), 16u + 12u + 7u);
  EXPECT_EQ(Hex(MakeLocalProxyHeader(all).substr(12, 4)), "20000007");
}

TEST(ProxyHeader, AnIpv4AddressNextToOneOfIpv6StaysAsItIs) {
  EXPECT_EQ(MakeProxyHeader(kV1, Between("[::ffff:192.0.2.7]:51514", "[2001:db8::1]:443")),
            "PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 51514 443\r\n");
  EXPECT_EQ(MakeProxyHeader(kV1, Between("192.0.2.7:51514", "[2001:db8::1]:443")),
            "PROXY UNKNOWN\r\n");
}

}  // namespace
}  // namespace sluice::proxy
