#include "core/text/utf8.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "core/text/quoted.h"

namespace sluice::core {
namespace {

TEST(FindInvalidUtf8, Valid) {
  for (const char* text : {"", "abc", "é", "€", "\U0001F600", "\xE0\xA0\x80", "\xF0\x90\x80\x80",
                           "\xED\x9F\xBF", "\xEE\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_EQ(FindInvalidUtf8(text), std::nullopt) << text;
  }
}

TEST(FindInvalidUtf8, Invalid) {
  const std::vector<std::string> cases = {
      "\x80",              // a continuation alone
      "\xC3",              // cut short
      "\xE2\x82",          // cut short
      "\xC0\xAF",          // overlong
      "\xE0\x80\xAF",      // overlong
      "\xF0\x80\x80\xAF",  // overlong
      "\xED\xA0\x80",      // a surrogate
      "\xF4\x90\x80\x80",  // above U+10FFFF
      "\xFF",
  };
  for (const std::string& text : cases) {
    EXPECT_EQ(FindInvalidUtf8("ab" + text), 2u) << Quoted(text);
    EXPECT_EQ(FindInvalidUtf8("ab" + text + "cdef"), 2u) << Quoted(text);
  }
}

}  // namespace
}  // namespace sluice::core
