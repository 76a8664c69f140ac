#include "proxy/upstream/balance/hash.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/proxy/upstream/endpoints.h"

namespace sluice::proxy {
namespace {

core::Address At(const std::string& text) { return *core::Address::Parse(text); }

// The reference implementation's values: they must never change, or sessions move.
TEST(StableHash, IsXxh64) {
  EXPECT_EQ(StableHash("", 0), 0xEF46DB3751D8E999u);
  EXPECT_EQ(StableHash("a", 0), 0xD24EC4F1A98C6E5Bu);
  EXPECT_EQ(StableHash("abc", 0), 0x44BC2CF5AD770999u);
}

TEST(SourceKey, ThePortDoesNotCount) {
  EXPECT_EQ(SourceKey(At("10.1.2.3:80"), {}, 7), SourceKey(At("10.1.2.3:81"), {}, 7));
  EXPECT_NE(SourceKey(At("10.1.2.3:80"), {}, 7), SourceKey(At("10.1.2.4:80"), {}, 7));
  EXPECT_NE(SourceKey(At("10.1.2.3:80"), {}, 7), SourceKey(At("10.1.2.3:80"), {}, 8));
}

TEST(SourceKey, OnlyThePrefixCounts) {
  const auto same = [](const char* a, const char* b, SourcePrefixes prefixes) {
    return SourceKey(At(a), prefixes, 0) == SourceKey(At(b), prefixes, 0);
  };
  EXPECT_TRUE(same("10.1.2.3:1", "10.1.3.200:1", {.ipv4 = 23}));
  EXPECT_FALSE(same("10.1.2.3:1", "10.1.3.200:1", {.ipv4 = 24}));
  EXPECT_TRUE(same("10.1.2.3:1", "127.1.2.3:1", {.ipv4 = 1}));
  EXPECT_FALSE(same("10.1.2.3:1", "192.1.2.3:1", {.ipv4 = 1}));
  EXPECT_TRUE(same("[2001:db8::1]:1", "[2001:db8::ffff:2]:1", {}));
  EXPECT_FALSE(same("[2001:db8::1]:1", "[2001:db8:0:1::1]:1", {}));
  EXPECT_FALSE(same("[2001:db8::1]:1", "[2001:db8::2]:1", {.ipv6 = 128}));
  EXPECT_TRUE(same("[::ffff:10.1.2.3]:1", "10.1.2.3:1", {}));
}

TEST(SourceKey, OfUnixClients) {
  EXPECT_EQ(SourceKey(At("unix:@a"), {}, 0), SourceKey(At("unix:@a"), {}, 0));
  EXPECT_NE(SourceKey(At("unix:@a"), {}, 0), SourceKey(At("unix:@b"), {}, 0));
}

TEST(HashMembers, OfOneNameAreDifferentAndTheSameEachTime) {
  const core::Address address = At("10.0.0.1:80");
  Endpoint one(address, "same");
  Endpoint two(address, "same");
  Endpoint other(address, "other");
  const std::vector<EndpointMember> members = {
      {.endpoint = &one}, {.endpoint = &other}, {.endpoint = &two}};
  const std::vector<uint64_t> hashes = HashMembers(members, 0);
  EXPECT_EQ(std::set<uint64_t>(hashes.begin(), hashes.end()).size(), 3u);
  const std::vector<EndpointMember> again = {{.endpoint = &two}, {.endpoint = &one}};
  EXPECT_EQ(HashMembers(again, 0), (std::vector<uint64_t>{hashes[0], hashes[2]}));
}

}  // namespace
}  // namespace sluice::proxy
