#include "proxy/admin/http/target.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice::proxy {
namespace {

using Queries = std::vector<std::pair<std::string, std::string>>;

TEST(HttpTarget, IsSplitBeforeItIsDecoded) {
  const auto target =
      ParseHttpTarget("/api/v1/endpoints/app/unix:%2Frun%2Fx%3fy/drain?wait=drained");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->segments,
            (std::vector<std::string>{"api", "v1", "endpoints", "app", "unix:/run/x?y", "drain"}));
  EXPECT_EQ(target->Query("wait"), "drained");
  EXPECT_EQ(target->Query("no"), "");
}

TEST(HttpTarget, Queries) {
  const auto target = ParseHttpTarget("/?a=1&&b&c=%26+x&a=2&=d?e=f");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->Path(), "/");
  EXPECT_EQ(target->queries,
            (Queries{{"a", "1"}, {"b", ""}, {"c", "& x"}, {"a", "2"}, {"", "d?e=f"}}));
  EXPECT_EQ(target->Query("a"), "1");
}

TEST(HttpTarget, WhatIsNotValid) {
  for (const char* const text :
       {"", "api", "*", "http://localhost/", "/%", "/%2", "/%zz", "/?%", "/?a=%g0"}) {
    EXPECT_FALSE(ParseHttpTarget(text)) << text;
  }
  EXPECT_TRUE(ParseHttpTarget("/" + std::string(kMostTarget - 1, 'a')));
  EXPECT_FALSE(ParseHttpTarget("/" + std::string(kMostTarget, 'a')));
}

TEST(HttpTarget, WhatIsEncodedIsOneSegment) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  const auto target = ParseHttpTarget("/a/" + PercentEncoded(all) + "?q=" + PercentEncoded(all));
  ASSERT_TRUE(target);
  EXPECT_EQ(target->segments, (std::vector<std::string>{"a", all}));
  EXPECT_EQ(target->Query("q"), all);
  EXPECT_EQ(PercentEncoded("app"), "app");
}

}  // namespace
}  // namespace sluice::proxy
