// Small texts that would cost a naive loader its stack, its memory, or for ever.

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <string>

#include "conf/load.h"
#include "conf/reader/yaml.h"
#include "tests/conf/testing.h"

namespace sluice::conf::testing {
namespace {

std::string Repeat(const std::string& text, size_t times) {
  std::string result;
  for (size_t i = 0; i < times; ++i) result += text;
  return result;
}

// The message of the only error of `text`. A bomb that goes off runs into the time limit of the
// test, so what is timed here is only that nothing is close to it.
std::string OnlyError(const std::string& text) {
  const auto begin = std::chrono::steady_clock::now();
  const LoadResult result = Load(text);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  EXPECT_EQ(result.errors.size(), 1u) << ErrorsOf(result).substr(0, 1000);
  return result.errors.empty() ? "" : result.errors[0].message;
}

constexpr char kTooDeep[] = "nesting is deeper than the limit of 64 levels";
constexpr char kTooMany[] =
    "there are more values than the limit of 100000, each alias counted as a copy";

// What is wrong many times, among many names that may be meant: linear, or this takes a minute.
TEST(Bomb, ManyWrongNames) {
  constexpr int kCount = 6000;
  std::string text = "listeners:\n";
  for (int i = 0; i < kCount; ++i) {
    const std::string n = std::to_string(i);
    text += "- {name: listener-of-a-long-name-" + n + ", bind: 'unix:/" + n + "', upstream: u" + n +
            "-that-nobody-has-ever-heard-of-so-far}\n";
  }
  text += "upstreams:\n";
  for (int i = 0; i < kCount; ++i) {
    text += "- {name: upstream" + std::to_string(i) +
            "-that-nobody-has-heard-of-so-far, endpoints: ['unix:/x']}\n";
  }
  const auto begin = std::chrono::steady_clock::now();
  const LoadResult result = Load(text);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  ASSERT_EQ(result.errors.size(), Errors::kMaxErrors + 1);
  EXPECT_NE(result.errors[0].message.find("did you mean"), std::string::npos);
  EXPECT_EQ(result.errors[999].message.find("did you mean"), std::string::npos);
}

TEST(Bomb, ManyUnknownKeys) {
  std::string text;
  for (int i = 0; i < 40'000; ++i) text += "max_connectionz" + std::to_string(i) + ": 1\n";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(Load(text).errors.size(), Errors::kMaxErrors + 1);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST(Bomb, NestedBrackets) {
  for (const char* text : {"[", "{", "[\n", "{a: [", "[{"}) {
    const LoadResult result = Load(Repeat(text, 100'000));
    EXPECT_EQ(result.errors.size(), 1u) << text;
  }
}

TEST(Bomb, NestedBlocks) {
  EXPECT_EQ(OnlyError(Repeat("- ", 500'000)), kTooDeep);
  EXPECT_EQ(OnlyError(Repeat("? ", 500'000)), kTooDeep);
  std::string stairs;
  for (int i = 0; i < 1000; ++i) stairs += std::string(i, ' ') + "a:\n";
  EXPECT_EQ(OnlyError(stairs), kTooDeep);
}

TEST(Bomb, DepthLimitIsExact) {
  const auto nested = [](size_t depth) {
    return "a: " + Repeat("[", depth - 1) + Repeat("]", depth - 1) + "\n";
  };
  EXPECT_NE(Load(nested(Document::kMaxDepth)).errors[0].message, kTooDeep);
  EXPECT_EQ(OnlyError(nested(Document::kMaxDepth + 1)), kTooDeep);
}

TEST(Bomb, DepthCountsAliases) {
  std::string text = "a0: &a0 [x]\n";
  for (size_t i = 1; i < Document::kMaxDepth; ++i) {
    const std::string n = std::to_string(i);
    text += "a" + n + ": &a" + n + " [*a" + std::to_string(i - 1) + "]\n";
  }
  EXPECT_EQ(OnlyError(text), kTooDeep);
}

TEST(Bomb, ValueLimitIsExact) {
  // The mapping, its key, the list, and the items.
  const auto list = [](size_t items) { return "a: [" + Repeat("x,", items - 1) + "x]\n"; };
  EXPECT_NE(Load(list(Document::kMaxNodes - 3)).errors[0].message, kTooMany);
  EXPECT_EQ(OnlyError(list(Document::kMaxNodes - 2)), kTooMany);
}

TEST(Bomb, ValueLimitCountsAliases) {
  const std::string thousand = "a: &a [" + Repeat("x,", 998) + "x]\n";  // 1000 values
  EXPECT_NE(Load(thousand + "b: [" + Repeat("*a,", 97) + "*a]\n").errors[0].message, kTooMany);
  EXPECT_EQ(OnlyError(thousand + "b: [" + Repeat("*a,", 98) + "*a]\n"), kTooMany);
}

TEST(Bomb, AliasOfAnOpenValue) {
  for (const char* text :
       {"&a [*a]", "a: &a { b: { c: [*a] } }", "&a { *a : 1 }", "a: &a\n  - *a"}) {
    EXPECT_EQ(OnlyError(text), "this alias stands inside the value that it stands for");
  }
}

TEST(Bomb, EndlessDocuments) {
  // yaml-cpp alone finds one empty document after the other here, without moving on.
  for (const char* text : {",", "[],", ",,,,", "{},[]", "a, b"}) {
    EXPECT_FALSE(Load(Repeat(text, 1000)).ok()) << text;
  }
  EXPECT_FALSE(Load(Repeat("---\n", 100'000)).ok());
  EXPECT_FALSE(Load(Repeat("...\n", 100'000)).ok());
  EXPECT_FALSE(Load(Repeat("%FOO\n", 100'000)).ok());
}

TEST(Bomb, LongTokens) {
  EXPECT_FALSE(Load(std::string(1'000'000, 'a')).ok());
  EXPECT_FALSE(Load(std::string(1'000'000, 'a') + ": 1").ok());
  EXPECT_FALSE(Load("\"" + std::string(1'000'000, 'a') + "\": 1").ok());
  EXPECT_FALSE(Load("a: \"" + Repeat("\\n", 500'000) + "\"").ok());
  EXPECT_FALSE(Load(Repeat("a\n", 500'000)).ok());
  EXPECT_FALSE(Load(Repeat("&a ", 300'000)).ok());
  EXPECT_FALSE(Load(Repeat("!a ", 300'000)).ok());
  EXPECT_FALSE(Load("log: { level: \"" + Repeat("${X:-", 100'000) + "\" }").ok());
}

TEST(Bomb, FileSize) {
  const std::string fits = kMinimal + std::string(kMaxFileBytes - sizeof(kMinimal), '\n') + "\n";
  EXPECT_EQ(fits.size(), kMaxFileBytes);
  EXPECT_TRUE(Load(fits).ok());
  EXPECT_EQ(OnlyError(fits + "\n"), "the file is larger than the limit of 2097152 bytes");
}

}  // namespace
}  // namespace sluice::conf::testing
