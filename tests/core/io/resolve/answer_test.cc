// What is read of name servers' answers, and what is not taken for one.
#include "core/io/resolve/answer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/net/host_name.h"
#include "tests/core/io/resolve/messages.h"

namespace sluice::core::testing {
namespace {

std::optional<DnsAnswer> Parse(const std::string& message, DnsType type) {
  return ParseAnswer(std::span(reinterpret_cast<const uint8_t*>(message.data()), message.size()),
                     type);
}

std::string Message(DnsType type, const std::vector<RecordOnWire>& records) {
  return AnswerOnWire(QuestionOnWire("App.Internal", type), kPlain, records);
}

RecordOnWire A(uint32_t ttl, const char* address) {
  return {kOwnerOfQuestion, DnsType::kA, ttl, HostData(address)};
}

std::vector<std::string> Hosts(const DnsAnswer& answer) {
  std::vector<std::string> hosts;
  for (const Address& address : answer.addresses) hosts.push_back(address.HostToString());
  return hosts;
}

using Texts = std::vector<std::string>;

TEST(AnswerTest, HasAddressesAndTheShortestTime) {
  const auto answer =
      Parse(Message(DnsType::kA, {A(60, "10.0.0.1"), A(5, "10.0.0.2")}), DnsType::kA);
  ASSERT_TRUE(answer);
  EXPECT_EQ(Hosts(*answer), (Texts{"10.0.0.1", "10.0.0.2"}));
  EXPECT_EQ(answer->ttl_seconds, 5u);
  const auto ipv6 =
      Parse(Message(DnsType::kAaaa, {{kOwnerOfQuestion, DnsType::kAaaa, 9, HostData("fd00::1")}}),
            DnsType::kAaaa);
  ASSERT_TRUE(ipv6);
  EXPECT_EQ(Hosts(*ipv6), Texts{"fd00::1"});
}

TEST(AnswerTest, FollowsAliases) {
  const auto answer =
      Parse(Message(DnsType::kA, {{kOwnerOfQuestion, DnsType::kCname, 3, NameOnWire("Lb.x")},
                                  {NameOnWire("lb.X"), DnsType::kCname, 30, NameOnWire("one.x")},
                                  {NameOnWire("one.x"), DnsType::kA, 300, HostData("10.0.0.3")},
                                  {NameOnWire("other"), DnsType::kA, 1, HostData("10.6.6.6")}}),
            DnsType::kA);
  ASSERT_TRUE(answer);
  EXPECT_EQ(Hosts(*answer), Texts{"10.0.0.3"}) << "another name's record is not its address";
  EXPECT_EQ(answer->ttl_seconds, 3u);
}

TEST(AnswerTest, AliasesInACircleLeadNowhere) {
  const auto answer =
      Parse(Message(DnsType::kA, {{kOwnerOfQuestion, DnsType::kCname, 3, NameOnWire("a")},
                                  {NameOnWire("a"), DnsType::kCname, 3, kOwnerOfQuestion}}),
            DnsType::kA);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->is_empty());
}

TEST(AnswerTest, HasServices) {
  const auto answer =
      Parse(Message(DnsType::kSrv,
                    {{kOwnerOfQuestion, DnsType::kSrv, 20, ServiceData(10, 0, 3000, "One.x")},
                     {kOwnerOfQuestion, DnsType::kSrv, 10, ServiceData(0, 65535, 1, "two.x")},
                     {kOwnerOfQuestion, DnsType::kSrv, 10, ServiceData(0, 0, 0, "")},
                     {kOwnerOfQuestion, DnsType::kSrv, 10, ServiceData(0, 0, 5, "a b")}}),
            DnsType::kSrv);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->services,
            (std::vector<DnsService>{{.host = "one.x", .port = 3000, .priority = 10, .weight = 0},
                                     {.host = "two.x", .port = 1, .priority = 0, .weight = 65535}}))
      << "neither \".\" nor what no host is called";
  EXPECT_EQ(answer->ttl_seconds, 10u);
}

TEST(AnswerTest, TakesNothingBroken) {
  const std::string whole = Message(DnsType::kA, {A(60, "10.0.0.1"), A(5, "10.0.0.2")});
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(Parse(whole.substr(0, size), DnsType::kA)) << "cut at " << size;
  }
  EXPECT_FALSE(Parse(QuestionOnWire("app.internal", DnsType::kA), DnsType::kA)) << "no answer";
  EXPECT_FALSE(
      Parse(Message(DnsType::kA, {{kOwnerOfQuestion, DnsType::kA, 1, "12345"}}), DnsType::kA));
  EXPECT_FALSE(Parse(Message(DnsType::kSrv, {{kOwnerOfQuestion, DnsType::kSrv, 1,
                                              ServiceData(1, 1, 1, "x") + "y"}}),
                     DnsType::kSrv));
}

TEST(AnswerTest, PointersEnd) {
  // At 30: a pointer to itself; and one forward.
  for (const std::string& owner : {std::string{'\xC0', '\x1e'}, std::string{'\xC0', '\x40'}}) {
    const std::string message =
        Message(DnsType::kA, {{owner, DnsType::kA, 1, HostData("10.0.0.1")}});
    EXPECT_FALSE(Parse(message, DnsType::kA));
  }
  std::string longest;
  for (int i = 0; i < 5; ++i) longest += std::string(60, 'a') + ".";
  longest.pop_back();
  EXPECT_FALSE(
      Parse(Message(DnsType::kA, {{NameOnWire(longest), DnsType::kA, 1, "1234"}}), DnsType::kA))
      << "a name of more than 255 bytes";
}

TEST(AnswerTest, TimesAboveTheMostAreNone) {
  const auto answer = Parse(Message(DnsType::kA, {A(0x80000000u, "10.0.0.1")}), DnsType::kA);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->ttl_seconds, 0u);
}

TEST(HostNameTest, KnowsNames) {
  for (const char* name : {"a", "app.internal", "_app._tcp.internal", "a-b.c", "x.", "1a.b2"}) {
    EXPECT_TRUE(IsHostName(name)) << name;
  }
  for (const char* name : {"", ".", "-a", "a..b", ".a", "a b", "1.2.3.4", "256.1", "a.1", "a/b",
                           "a:1", "*", "\xC3\xA4"}) {
    EXPECT_FALSE(IsHostName(name)) << name;
  }
  EXPECT_TRUE(IsHostName(std::string(63, 'a')));
  EXPECT_FALSE(IsHostName(std::string(64, 'a')));
}

}  // namespace
}  // namespace sluice::core::testing
