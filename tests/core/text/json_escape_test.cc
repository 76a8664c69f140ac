// AppendJsonEscaped: exact for text, valid for anything.

#include "core/text/json_escape.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "core/text/control_escape.h"

namespace sluice::core::testing {
namespace {

std::string Escaped(std::string_view text) {
  std::string out = "before ";
  AppendJsonEscaped(text, out);
  EXPECT_EQ(out.rfind("before ", 0), 0u);
  return out.substr(7);
}

TEST(JsonEscapeTest, OnlyWhatHasToBeEscapedIs) {
  EXPECT_EQ(Escaped("plain /text/ 'with' ~"), "plain /text/ 'with' ~");
  EXPECT_EQ(Escaped("\"quoted\" back\\slash"), R"(\"quoted\" back\\slash)");
  EXPECT_EQ(Escaped(std::string_view("\0\n\t\x1f", 4)), R"(\u0000\u000a\u0009\u001f)");
  EXPECT_EQ(Escaped("\x7f\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0"),
            "\\u007f\\u0080\\u009b\\u009f\xc2\xa0");  // DEL, C1 and no more
  EXPECT_EQ(Escaped(""), "");
}

TEST(JsonEscapeTest, Utf8IsKept) {
  for (const char* text : {"\xc2\xa0", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_EQ(Escaped(text), text);
  }
}

TEST(JsonEscapeTest, EveryByteThatIsNoTextBecomesTheReplacementCharacter) {
  const std::string one = R"(\ufffd)";
  EXPECT_EQ(Escaped("a\xff z"), "a" + one + " z");
  EXPECT_EQ(Escaped("\x80"), one);
  EXPECT_EQ(Escaped("\xc3"), one);             // the end is missing
  EXPECT_EQ(Escaped("\xc3\""), one + "\\\"");  // and eats nothing
  EXPECT_EQ(Escaped("\xe2\x82\xc3\xa4"), one + one + "\xc3\xa4");
  EXPECT_EQ(Escaped("\xc0\xaf"), one + one);  // longer than needed
  EXPECT_EQ(Escaped("\xe0\x9f\xbf"), one + one + one);
  EXPECT_EQ(Escaped("\xf0\x8f\xbf\xbf"), one + one + one + one);
  EXPECT_EQ(Escaped("\xed\xa0\x80"), one + one + one);            // a surrogate
  EXPECT_EQ(Escaped("\xf4\x90\x80\x80"), one + one + one + one);  // beyond the last character
}

std::string Line(std::string_view text) {
  std::string out = "before ";
  AppendControlEscaped(text, out);
  return out.substr(7);
}

TEST(ControlEscapeTest, WhatATerminalObeysIsSpelledOut) {
  EXPECT_EQ(Line("a b\\ \xc3\xa4 \xf0\x9f\x98\x80"), "a b\\ \xc3\xa4 \xf0\x9f\x98\x80");
  EXPECT_EQ(Line("a\nb\r\x1b[31m\x7f"), "a\\x0ab\\x0d\\x1b[31m\\x7f");
  EXPECT_EQ(Line(std::string_view("\0x\0", 3)), "\\x00x\\x00");
  EXPECT_EQ(Line("\xc2\x9b"
                 "31m\xc2\xa0"),
            "\\xc2\\x9b31m\xc2\xa0");                  // C1, and the space behind it
  EXPECT_EQ(Line("\x9b\xff\xc3"), "\\x9b\\xff\\xc3");  // no UTF-8
  EXPECT_EQ(Line("\xc0\x8a\xe0\x80\x8a"), "\\xc0\\x8a\\xe0\\x80\\x8a");  // a newline, too long
}

TEST(JsonEscapeTest, AnyBytesMakeValidJson) {
  std::mt19937 dice(7);
  const std::string odd("\"\\\n\x7f\x80\xbf\xc2\xe0\xed\xf0\xf4\xff\0a", 14);
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (size_t length = dice() % 12; text.size() < length;) text += odd[dice() % odd.size()];
    const auto parsed = nlohmann::json::parse('"' + Escaped(text) + '"', nullptr, false);
    ASSERT_TRUE(parsed.is_string()) << ::testing::PrintToString(text);
  }
}

}  // namespace
}  // namespace sluice::core::testing
