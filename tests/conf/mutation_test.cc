// Random damage to good texts: loading never crashes or hangs, errors have a place inside the text
// or are about all of it, and what loads also survives Print.
//
// SLUICE_SEED picks another seed, SLUICE_ROUNDS another number of texts.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "conf/load.h"
#include "conf/print.h"
#include "tests/conf/testing.h"

namespace sluice::conf::testing {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  std::string Mutate(std::string text) {
    for (size_t edits = 1 + Below(6); edits > 0; --edits) Edit(text);
    return text;
  }

 private:
  size_t Below(size_t bound) { return bound == 0 ? 0 : random_() % bound; }

  void Edit(std::string& text) {
    static constexpr const char* kTokens[] = {"\t",       "\n",      "  ",
                                              "- ",       ": ",      ":",
                                              "?",        "[",       "]",
                                              "{",        "}",       ",",
                                              "\"",       "'",       "#",
                                              "|\n",      ">\n",     "&a ",
                                              "*a",       "!x ",     "%",
                                              "@",        "`",       "---",
                                              "...",      "<<: ",    "~",
                                              "null",     "${",      "${X}",
                                              "$${",      "}",       "0",
                                              "-1",       "1e9",     "99999999999999999999",
                                              "s",        "KiB",     "\\",
                                              "\\x",      "\r\n",    "\xEF",
                                              "\xFF",     "name",    "bind: ",
                                              "[::]:",    "unix:/x", "\xC3\xA9",
                                              "x-a: ",    "<<: *a ", "\xE2\x80\x9C",
                                              "\xC2\xA0", "$A",      "10k",
                                              "off",      "*:80"};
    const size_t at = Below(text.size() + 1);
    const size_t length = std::min(Below(30), text.size() - at);
    switch (Below(6)) {
      case 0:
        text.erase(at, length);
        break;
      case 1:
        text.insert(Below(text.size() + 1), text.substr(at, length));
        break;
      case 2:
        if (at < text.size()) text[at] = static_cast<char>(Below(256));
        break;
      case 3:
        SwapLines(text);
        break;
      default:
        text.insert(at, kTokens[Below(std::size(kTokens))]);
    }
  }

  void SwapLines(std::string& text) {
    std::vector<std::string> lines;
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
      lines.push_back(text.substr(begin, end - begin));
      begin = end;
    }
    if (lines.empty()) return;
    std::swap(lines[Below(lines.size())], lines[Below(lines.size())]);
    text.clear();
    for (const std::string& line : lines) text += line;
  }

  std::mt19937_64 random_;
};

void Check(const std::string& text) {
  const LoadResult result = Load(text);
  const auto lines = static_cast<int>(std::ranges::count(text, '\n')) + 2;
  for (const Error& error : result.errors) {
    EXPECT_FALSE(error.message.empty());
    if (error.at == kWholeFile) continue;
    EXPECT_GE(error.at.line, 1);
    EXPECT_LE(error.at.line, lines);
    EXPECT_GE(error.at.column, 1);
  }
  EXPECT_TRUE(std::ranges::is_sorted(result.errors, {}, &Error::at));
  if (!result.ok()) return;
  const LoadResult again = Load(Print(result.config));
  EXPECT_TRUE(again.ok()) << ErrorsOf(again);
  EXPECT_EQ(again.config, result.config);
}

void CheckMutationsOf(const std::string& path) {
  const uint64_t seed = FromEnvironment("SLUICE_SEED", 20240229);
  const uint64_t rounds = FromEnvironment("SLUICE_ROUNDS", 5000);
  const std::string text = ReadText(path);
  ASSERT_FALSE(text.empty());
  std::cout << path << ": SLUICE_SEED=" << seed << " SLUICE_ROUNDS=" << rounds << "\n";
  for (uint64_t i = 0; i < rounds && !::testing::Test::HasFailure(); ++i) {
    const std::string mutated = Mutator(seed + i).Mutate(text);
    SCOPED_TRACE("SLUICE_SEED=" + std::to_string(seed + i) + " SLUICE_ROUNDS=1\n" + mutated);
    Check(mutated);
  }
}

TEST(Mutation, OfTheExample) { CheckMutationsOf("conf/example.yaml"); }
TEST(Mutation, OfTheReference) { CheckMutationsOf("conf/reference.yaml"); }

}  // namespace
}  // namespace sluice::conf::testing
