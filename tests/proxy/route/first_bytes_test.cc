#include "proxy/route/first_bytes.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/proxy/route/hello_maker.h"

namespace sluice::proxy {
namespace {

using conf::RouteProtocol;
using std::string_literals::operator""s;

constexpr RouteProtocol kAll[] = {RouteProtocol::kTls,  RouteProtocol::kSsh,
                                  RouteProtocol::kHttp, RouteProtocol::kPostgres,
                                  RouteProtocol::kMqtt, RouteProtocol::kRdp};

ProtocolSet All() {
  ProtocolSet all;
  for (const RouteProtocol each : kAll) all.Add(each);
  return all;
}

struct Case {
  RouteProtocol protocol;
  std::string bytes;
};

std::vector<Case> Beginnings() {
  const std::string start = Number(0x30000, 4) + "user\0me\0\0"s;
  return {
      {RouteProtocol::kTls, MakeHello("a.b")},
      {RouteProtocol::kTls, MakeSsl2Hello()},
      {RouteProtocol::kSsh, "SSH-2.0-OpenSSH_9.2p1\r\n"},
      {RouteProtocol::kSsh, "SSH-1.99-x"},
      {RouteProtocol::kHttp, "GET / HTTP/1.1\r\n"},
      {RouteProtocol::kHttp, "POST /"},
      {RouteProtocol::kHttp, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
      {RouteProtocol::kHttp, "CONNECT a:443 HTTP/1.1\r\n"},
      {RouteProtocol::kPostgres, Number(8, 4) + Number(80877103, 4)},  // SSLRequest
      {RouteProtocol::kPostgres, Number(8, 4) + Number(80877104, 4)},  // GSSENCRequest
      {RouteProtocol::kPostgres, Number(16, 4) + Number(80877102, 4) + "12345678"},
      {RouteProtocol::kPostgres, Number(start.size() + 4, 4) + start},
      {RouteProtocol::kPostgres, Number(9, 4) + Number(0x30002, 4) + "\0"s},
      {RouteProtocol::kMqtt, "\x10\x0C\0\4MQTT\4\2\0\x3C\0\0"s},
      {RouteProtocol::kMqtt, "\x10\x80\x80\x80\x01\0\4MQTT\5"s},
      {RouteProtocol::kMqtt, "\x10\x0E\0\6MQIsdp\3"s},
      {RouteProtocol::kRdp, "\3\0\0\x0B\6\xE0\0\0\0\0\0"s},
      {RouteProtocol::kRdp, "\3\0\0\x2B\x26\xE0\0\0\0\0\0Cookie: mstshash=me\r\n"s},
  };
}

TEST(FirstBytes, EachProtocolIsKnown) {
  for (const Case& each : Beginnings()) {
    const FirstBytes found = LookAtFirstBytes(All(), BytesOf(each.bytes));
    EXPECT_EQ(found.fit, Fit::kYes) << each.bytes;
    EXPECT_EQ(found.protocol, each.protocol) << each.bytes;
  }
}

TEST(FirstBytes, NoneIsTakenForAnother) {
  for (const Case& each : Beginnings()) {
    for (const RouteProtocol other : kAll) {
      if (other == each.protocol) continue;
      EXPECT_EQ(FitOf(other, BytesOf(each.bytes)), Fit::kNo) << each.bytes;
    }
  }
}

// More bytes never turn a yes or a no into something else, and kMostFirstBytes are enough.
TEST(FirstBytes, WhatIsDecidedStays) {
  for (const Case& each : Beginnings()) {
    for (const RouteProtocol protocol : kAll) {
      Fit before = Fit::kMaybe;
      for (size_t size = 0; size <= each.bytes.size(); ++size) {
        const Fit fit = FitOf(protocol, BytesOf(each.bytes).first(size));
        if (before != Fit::kMaybe) EXPECT_EQ(fit, before) << each.bytes << " " << size;
        if (size >= kMostFirstBytes) EXPECT_NE(fit, Fit::kMaybe) << each.bytes;
        before = fit;
      }
    }
  }
}

TEST(FirstBytes, OfNothingAllMayCome) {
  for (const RouteProtocol protocol : kAll) EXPECT_EQ(FitOf(protocol, {}), Fit::kMaybe);
  EXPECT_EQ(LookAtFirstBytes(ProtocolSet(), {}).fit, Fit::kNo);
}

TEST(FirstBytes, OthersAreNone) {
  for (const std::string& bytes :
       {"EHLO example.org\r\n"s, "USER me\r\n"s, "SSL-2.0"s, "get / HTTP/1.0\r\n"s, "GETS /"s,
        "\0\0\0\7\0\3\0\0"s,            // a length that is too short
        "\0\0\x27\x11\0\3\0\0"s,        // and one that is too long
        "\0\0\0\x09\x04\xD2\x16\x2F"s,  // SSLRequest has 8 bytes
        "\0\0\0\x09\0\2\0\0\0"s,        // version 2
        "\0\0\0\x08\0\3\0\0"s,          // a start without anything
        "\x10\x0C\0\4MQTX"s, "\x10\xFF\xFF\xFF\xFF\1\0\4MQTT"s, "\x20\2\0\0"s,
        "\3\0\0\x0B\6\xD0\0\0\0\0\0"s,  // the answer to a request
        "\3\0\0\x0A\5\xE0\0\0\0\0"s, "\3\0\0\x0B\7\xE0\0\0\0\0\0"s, "\3\1"s}) {
    EXPECT_EQ(LookAtFirstBytes(All(), BytesOf(bytes)).fit, Fit::kNo) << bytes;
  }
}

// One byte is enough where nothing that is wanted begins with it.
TEST(FirstBytes, OnlyWhatIsWantedIsWaitedFor) {
  ProtocolSet ssh;
  ssh.Add(RouteProtocol::kSsh);
  EXPECT_EQ(LookAtFirstBytes(ssh, BytesOf("\x10")).fit, Fit::kNo);
  EXPECT_EQ(LookAtFirstBytes(All(), BytesOf("\x10")).fit, Fit::kMaybe);
  EXPECT_EQ(LookAtFirstBytes(ssh, BytesOf("SSH")).fit, Fit::kMaybe);
}

}  // namespace
}  // namespace sluice::proxy
