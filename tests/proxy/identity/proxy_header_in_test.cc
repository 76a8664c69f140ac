#include "proxy/identity/proxy_header_in.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"
#include "proxy/identity/proxy_header.h"

namespace sluice::proxy {
namespace {

using core::Address;
using State = ProxyHeaderRead::State;

std::string Bytes(std::initializer_list<int> bytes) {
  std::string text;
  for (const int byte : bytes) text += static_cast<char>(byte);
  return text;
}

std::string Length16(size_t length) {
  return Bytes({static_cast<int>(length >> 8), static_cast<int>(length & 255)});
}

std::string V2(int command, int kind, const std::string& block) {
  return std::string(kProxySignature2) + Bytes({command, kind}) + Length16(block.size()) + block;
}

std::string Tlv(int type, std::string_view value) {
  return Bytes({type}) + Length16(value.size()) + std::string(value);
}

// 192.0.2.7:51514 to 10.0.0.1:443.
const std::string kIpv4 = Bytes({192, 0, 2, 7, 10, 0, 0, 1, 0xc9, 0x3a, 0x01, 0xbb});

ProxyHeaderRead ReadIt(std::string_view bytes, ReceivedProxyHeader& header) {
  return ReadProxyHeader(bytes, header);
}

struct Good {
  std::string bytes;
  std::string source;       // "": there is none
  std::string destination;  // likewise
  ProxyHeaderSays says = ProxyHeaderSays::kAddresses;
};

std::vector<Good> GoodHeaders() {
  const auto unix_name = [](std::string name) {
    name.resize(108);
    return name;
  };
  const std::string no_name(108, '\0');
  const std::string ipv6 = Bytes({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}) +
                           Bytes({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}) +
                           Bytes({0xc9, 0x3a, 0x01, 0xbb});
  const std::string longest = "PROXY UNKNOWN " + std::string(107 - 16, 'f') + "\r\n";
  return {
      {"PROXY TCP4 192.0.2.7 10.0.0.1 51514 443\r\n", "192.0.2.7:51514", "10.0.0.1:443"},
      {"PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n", "255.255.255.255:65535", "0.0.0.0:0"},
      {"PROXY TCP6 2001:db8::7 ::1 51514 443\r\n", "[2001:db8::7]:51514", "[::1]:443"},
      {"PROXY TCP6 2001:DB8:0:0:0:0:0:7 ::ffff:10.0.0.1 1 2\r\n", "[2001:db8::7]:1",
       "[::ffff:10.0.0.1]:2"},
      {"PROXY UNKNOWN\r\n", "", "", ProxyHeaderSays::kUnknown},
      {longest, "", "", ProxyHeaderSays::kUnknown},
      {"PROXY UNKNOWN ffff::1 whatever 01 99999\r\n", "", "", ProxyHeaderSays::kUnknown},
      {V2(0x21, 0x11, kIpv4), "192.0.2.7:51514", "10.0.0.1:443"},
      {V2(0x21, 0x21, ipv6), "[2001:db8::7]:51514", "[::1]:443"},
      {V2(0x21, 0x31, unix_name("/run/client") + unix_name(std::string("\0proxy", 6))),
       "unix:/run/client", "unix:@proxy"},
      {V2(0x21, 0x31, no_name + no_name), "unix:", "unix:"},
      {V2(0x21, 0x00, ""), "", "", ProxyHeaderSays::kUnknown},
      {V2(0x21, 0x12, kIpv4), "", "", ProxyHeaderSays::kUnknown},
      {V2(0x20, 0x00, ""), "", "", ProxyHeaderSays::kLocal},
      {V2(0x20, 0x11, kIpv4), "", "", ProxyHeaderSays::kLocal},
      {V2(0x20, 0xff, "what it has is not looked at"), "", "", ProxyHeaderSays::kLocal},
      {V2(0x21, 0x11, kIpv4 + Tlv(0x04, "nothing") + Tlv(0xe0, "unknown")), "192.0.2.7:51514",
       "10.0.0.1:443"},
      {V2(0x21, 0x11, kIpv4 + Tlv(0x04, std::string(4096 - 16 - 12 - 3, 0))), "192.0.2.7:51514",
       "10.0.0.1:443"},
  };
}

TEST(ProxyHeaderIn, GoodHeadersAreReadWhateverComesBehindThem) {
  for (const Good& good : GoodHeaders()) {
    SCOPED_TRACE(good.bytes);
    for (const std::string_view behind : {"", "GET /", "\r\n", "PROXY TCP4 "}) {
      ReceivedProxyHeader header;
      const ProxyHeaderRead read = ReadIt(good.bytes + std::string(behind), header);
      ASSERT_EQ(read.state, State::kComplete) << read.why;
      EXPECT_EQ(read.size, good.bytes.size());
      EXPECT_EQ(header.says, good.says);
      EXPECT_EQ(header.source.is_empty() ? "" : header.source.ToString(), good.source);
      EXPECT_EQ(header.destination.is_empty() ? "" : header.destination.ToString(),
                good.destination);
    }
  }
}

TEST(ProxyHeaderIn, APartOfAHeaderNeedsMore) {
  for (const Good& good : GoodHeaders()) {
    for (size_t size = 0; size < good.bytes.size(); ++size) {
      ReceivedProxyHeader header;
      const ProxyHeaderRead read = ReadIt(std::string_view(good.bytes).substr(0, size), header);
      ASSERT_EQ(read.state, State::kNeedMore) << good.bytes << " " << size << ": " << read.why;
      const size_t signature = good.bytes[0] == 'P' ? 6 : 12;
      EXPECT_EQ(read.has_begun, size >= signature);
    }
  }
}

TEST(ProxyHeaderIn, OtherBytesDecideAtTheFirstThatDiffers) {
  for (const std::string_view bytes :
       {"GET / HTTP/1.1", "PROXX", "proxy ", "PROXY\r\n", "\n", "\r\nx", "\r\n\r\n\1", " PROXY ",
        "\x16\x03\x01", "PROXY\t"}) {
    ReceivedProxyHeader header;
    const ProxyHeaderRead read = ReadIt(bytes, header);
    EXPECT_EQ(read.state, State::kNoHeader) << bytes;
    EXPECT_FALSE(read.has_begun);
  }
}

struct Bad {
  std::string bytes;
  std::string why;
};

std::vector<Bad> BadLines() {
  const std::string words = "the line has not its five words";
  const std::string address = "an address is none of its family";
  const std::string port = "a port is no number from 0 to 65535";
  const std::string family = "the family is none of TCP4, TCP6 and UNKNOWN";
  const std::string end = "its line does not end by CRLF";
  const auto line = [](const std::string& rest) { return "PROXY " + rest + "\r\n"; };
  return {
      {"PROXY UNKNOWN " + std::string(107 - 14, 'x'), "there is no CRLF in 107 bytes"},
      {"PROXY UNKNOWN " + std::string(107 - 15, 'x') + "\r\n", "there is no CRLF in 107 bytes"},
      {"PROXY UNKNOWN\n", end},
      {"PROXY UNKNOWN\rx", end},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n\r", end},
      {line(""), "the line has too few words"},
      {line("TCP4"), "the line has too few words"},
      {line("UDP4 1.2.3.4 1.2.3.4 1 2"), family},
      {line("TCP 1.2.3.4 1.2.3.4 1 2"), family},
      {line("tcp4 1.2.3.4 1.2.3.4 1 2"), family},
      {line("UNKNOWNX 1.2.3.4 1.2.3.4 1 2"), family},
      {line("TCP4 1.2.3.4 1.2.3.4 1"), words},
      {line("TCP4 1.2.3.4 1.2.3.4 1 2 "), words},
      {line("TCP4 1.2.3.4 1.2.3.4 1 2 3"), words},
      {line("TCP4  1.2.3.4 1.2.3.4 1 2"), words},
      {line("TCP4 1.2.3.4\t1.2.3.4 1 2"), words},
      {line("TCP4 ::1 1.2.3.4 1 2"), address},
      {line("TCP4 1.2.3.4 ::1 1 2"), address},
      {line("TCP6 1.2.3.4 ::1 1 2"), address},
      {line("TCP6 fe80::1%1 ::1 1 2"), address},
      {line("TCP6 [::1] ::1 1 2"), address},
      {line("TCP4 01.2.3.4 1.2.3.4 1 2"), address},
      {line("TCP4 1.2.3 1.2.3.4 1 2"), address},
      {line("TCP4 1.2.3.256 1.2.3.4 1 2"), address},
      {line("TCP4 0x1.2.3.4 1.2.3.4 1 2"), address},
      {line("TCP4 a.example 1.2.3.4 1 2"), address},
      {line("TCP4 1.2.3.4 1.2.3.4 01 2"), port},
      {line("TCP4 1.2.3.4 1.2.3.4 1 00"), port},
      {line("TCP4 1.2.3.4 1.2.3.4 1 65536"), port},
      {line("TCP4 1.2.3.4 1.2.3.4 -1 2"), port},
      {line("TCP4 1.2.3.4 1.2.3.4 +1 2"), port},
      {line("TCP4 1.2.3.4 1.2.3.4 1 0x2"), port},
      {line("TCP4 1.2.3.4 1.2.3.4 999999999999999999999 2"), port},
  };
}

std::vector<Bad> BadBlocks() {
  const std::string fits = "the length of a TLV does not fit";
  const std::string no_end = std::string(108, 'x');
  return {
      {std::string(kProxySignature2) + "\x11", "the version is not 2"},
      {std::string(kProxySignature2) + "\x22", "the command is neither LOCAL nor PROXY"},
      {V2(0x21, 0x41, kIpv4), "there is no such address family or protocol"},
      {V2(0x21, 0x10, kIpv4), "there is no such address family or protocol"},
      {V2(0x21, 0x13, kIpv4), "there is no such address family or protocol"},
      {V2(0x21, 0x01, kIpv4), "there is no such address family or protocol"},
      {V2(0x21, 0x11, kIpv4.substr(1)), "its length is less than that of the addresses"},
      {V2(0x21, 0x21, kIpv4), "its length is less than that of the addresses"},
      {V2(0x21, 0x31, std::string(215, 'x')), "its length is less than that of the addresses"},
      {V2(0x21, 0x31, no_end + no_end), "the name of a UNIX socket does not end"},
      {V2(0x21, 0x11, kIpv4 + "\x04"), fits},
      {V2(0x21, 0x11, kIpv4 + Bytes({4, 0})), fits},
      {V2(0x21, 0x11, kIpv4 + Bytes({4, 0, 1})), fits},
      {V2(0x21, 0x11, kIpv4 + Tlv(4, "ok") + Bytes({4, 255, 255, 0})), fits},
      {V2(0x21, 0x00, "x"), fits},
      {V2(0x21, 0x11, kIpv4 + Tlv(3, "abc")), "the checksum has not four bytes"},
      {V2(0x21, 0x11, kIpv4 + Tlv(3, "abcd")), "the checksum is wrong"},
      {V2(0x21, 0x11, kIpv4 + Tlv(3, "abcd") + Tlv(3, "abcd")), "there are two checksums"},
      {V2(0x21, 0x11, kIpv4 + Tlv(5, std::string(129, 'u'))),
       "the unique id has more than 128 bytes"},
      {V2(0x21, 0x11, kIpv4 + Tlv(0x20, "1234")), "a length in the SSL TLV does not fit"},
      {V2(0x21, 0x11, kIpv4 + Tlv(0x20, "12345" + Bytes({0x21, 0, 2, 'x'}))),
       "a length in the SSL TLV does not fit"},
      {V2(0x21, 0x11, kIpv4 + Tlv(0xea, "")), "the TLV of a cloud is empty"},
      {V2(0x21, 0x11, kIpv4 + Tlv(0xee, "\1xyz")), "the link id of Azure has not four bytes"},
      {std::string(kProxySignature2) + Bytes({0x21, 0x11}) + Length16(4096 - 16 + 1),
       "it is longer than 4096 bytes"},
      {std::string(kProxySignature2) + Bytes({0x20, 0x00}) + Length16(65535),
       "it is longer than 4096 bytes"},
  };
}

TEST(ProxyHeaderIn, WhatBreaksARuleIsMalformed) {
  std::vector<Bad> all = BadLines();
  for (Bad& bad : BadBlocks()) all.push_back(std::move(bad));
  for (const Bad& bad : all) {
    SCOPED_TRACE(bad.bytes);
    ReceivedProxyHeader header;
    const ProxyHeaderRead read = ReadIt(bad.bytes, header);
    EXPECT_EQ(read.state, State::kMalformed);
    EXPECT_EQ(read.why, bad.why);
    EXPECT_TRUE(read.has_begun);
    // And does so at the last byte, not before.
    const ProxyHeaderRead before =
        ReadIt(std::string_view(bad.bytes).substr(0, bad.bytes.size() - 1), header);
    EXPECT_TRUE(before.state == State::kNeedMore || before.state == State::kMalformed);
  }
}

TEST(ProxyHeaderIn, TlvsAreKept) {
  const std::string ssl = Bytes({0x07, 0, 0, 0, 0}) + Tlv(0x21, "TLSv1.3") +
                          Tlv(0x22, "client.example") + Tlv(0x23, "TLS_AES_128_GCM_SHA256") +
                          Tlv(0x25, "RSA2048");
  const std::string bytes =
      V2(0x21, 0x11,
         kIpv4 + Tlv(0x01, "h2") + Tlv(0x02, "www.example.org") + Tlv(0x04, "") +
             Tlv(0x05, std::string("id\0\xff", 4)) + Tlv(0x20, ssl) + Tlv(0x30, "blue") +
             Tlv(0xea, "\1vpce-08d2bf15fac5001c9") + Tlv(0xea, "\2other") +
             Tlv(0xee, Bytes({1, 0x78, 0x56, 0x34, 0x12})) + Tlv(0xee, "\2other") + Tlv(0x99, "x"));
  ReceivedProxyHeader header;
  ASSERT_EQ(ReadIt(bytes, header).state, State::kComplete);
  const ProxyTlvs& tlvs = header.tlvs;
  EXPECT_EQ(tlvs.alpn, "h2");
  EXPECT_EQ(tlvs.authority, "www.example.org");
  EXPECT_EQ(tlvs.unique_id, std::string("id\0\xff", 4));
  EXPECT_EQ(tlvs.netns, "blue");
  EXPECT_EQ(tlvs.aws_vpce, "vpce-08d2bf15fac5001c9");
  EXPECT_EQ(tlvs.azure_link, 0x12345678u);
  ASSERT_TRUE(tlvs.ssl);
  EXPECT_TRUE(tlvs.ssl->has_certificate);
  EXPECT_EQ(tlvs.ssl->verify, 0u);
  EXPECT_EQ(tlvs.ssl->version, "TLSv1.3");
  EXPECT_EQ(tlvs.ssl->common_name, "client.example");
  EXPECT_EQ(tlvs.ssl->cipher, "TLS_AES_128_GCM_SHA256");
}

TEST(ProxyHeaderIn, LocalHasNothingOfWhatStandsBehindItsLength) {
  ReceivedProxyHeader header;
  ASSERT_EQ(ReadIt(V2(0x20, 0x11, kIpv4 + Tlv(0x05, "id")), header).state, State::kComplete);
  EXPECT_EQ(header, ReceivedProxyHeader({.says = ProxyHeaderSays::kLocal}));
}

TEST(ProxyHeaderIn, ReadsWhatIsSent) {
  using conf::ProxyTlv;
  using conf::ProxyVersion;
  const auto at = [](std::string_view text) { return *Address::Parse(text); };
  const std::vector<ProxiedConnection> connections = {
      {at("192.0.2.7:51514"), at("10.0.0.1:443")},
      {at("[2001:db8::7]:51514"), at("[::1]:443")},
      {at("unix:@client"), at("unix:/run/proxy")},
      {},
  };
  const conf::SendProxy plain = {.version = ProxyVersion::kV2, .tlvs = {}};
  const conf::SendProxy checked = {.version = ProxyVersion::kV2, .tlvs = {ProxyTlv::kCrc32c}};
  const conf::SendProxy line = {.version = ProxyVersion::kV1, .tlvs = {}};
  for (const ProxiedConnection& each : connections) {
    for (const conf::SendProxy& how : {line, plain, checked}) {
      const std::string sent = MakeProxyHeader(how, each);
      ReceivedProxyHeader header;
      const ProxyHeaderRead read = ReadIt(sent, header);
      ASSERT_EQ(read.state, State::kComplete) << read.why;
      EXPECT_EQ(read.size, sent.size());
      const bool has_words = each.client.is_ip() || how.version == ProxyVersion::kV2;
      if (each.client.is_empty() || !has_words) {
        EXPECT_EQ(header.says, ProxyHeaderSays::kUnknown);
      } else {
        EXPECT_EQ(header.source, each.client);
        EXPECT_EQ(header.destination, each.proxy);
      }
    }
  }
  std::string broken = MakeProxyHeader(checked, connections[0]);
  broken[17] ^= 1;
  ReceivedProxyHeader header;
  EXPECT_STREQ(ReadIt(broken, header).why, "the checksum is wrong");
  EXPECT_EQ(ReadIt(MakeLocalProxyHeader(checked), header).state, State::kComplete);
  EXPECT_EQ(header.says, ProxyHeaderSays::kLocal);
}

}  // namespace
}  // namespace sluice::proxy
