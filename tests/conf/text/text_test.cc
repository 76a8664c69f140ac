#include "conf/text/text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice::conf {
namespace {

const std::vector<std::string>& Keys() {
  static const auto* const keys =
      new std::vector<std::string>{"connect", "idle", "log", "max_connections", "timeouts"};
  return *keys;
}

TEST(Nearest, SlipsOfThePen) {
  EXPECT_EQ(Nearest("conect", Keys()), "connect");
  EXPECT_EQ(Nearest("connnect", Keys()), "connect");
  EXPECT_EQ(Nearest("idel", Keys()), "idle");  // a swap is one edit
  EXPECT_EQ(Nearest("lgo", Keys()), "log");
  EXPECT_EQ(Nearest("IDLE", Keys()), "idle");
  EXPECT_EQ(Nearest("maxConnections", Keys()), "max_connections");
  EXPECT_EQ(Nearest("max-connections", Keys()), "max_connections");
  EXPECT_EQ(Nearest("connections", Keys()), "connect");  // a part counts, whatever the distance
  EXPECT_EQ(Nearest("timeout", Keys()), "timeouts");
}

TEST(Nearest, NothingNear) {
  EXPECT_EQ(Nearest("foo", Keys()), std::nullopt);
  EXPECT_EQ(Nearest("", Keys()), std::nullopt);
  EXPECT_EQ(Nearest("certificate", Keys()), std::nullopt);
  EXPECT_EQ(Nearest(std::string(10'000, 'x'), Keys()), std::nullopt);
  EXPECT_EQ(Nearest("connect", {}), std::nullopt);
}

TEST(Quoted, EscapesAndCuts) {
  EXPECT_EQ(Quoted("a\"b\n"), R"("a\"b\n")");
  EXPECT_EQ(Quoted("é"), "\"é\"");
  EXPECT_EQ(Quoted("\xE9"), R"("\xe9")");
  EXPECT_EQ(Quoted("\xC2\x9B[31m\x1B\x7F"), R"("\xc2\x9b[31m\x1b\x7f")");  // C1, too
  EXPECT_EQ(Quoted("\xC2\xA0"), "\"\xC2\xA0\"");
  EXPECT_EQ(Quoted(std::string(80, 'x')), '"' + std::string(80, 'x') + '"');
  EXPECT_EQ(Quoted(std::string(81, 'x')), '"' + std::string(80, 'x') + "\"...");
  EXPECT_EQ(Quoted(std::string(79, 'x') + "é"), '"' + std::string(79, 'x') + "\"...");
  EXPECT_EQ(Quoted(std::string(81, '\x80')), "\"\"...");
}

TEST(Quoted, LetsNoControlThrough) {
  EXPECT_EQ(Quoted("\x1b[31m\x7f"), R"("\033[31m\177")");
  EXPECT_EQ(Quoted("a\xC2\x9B"
                   "b"),
            R"("a\xc2\x9b\x62")");  // a CSI; b would count as a digit
}

TEST(Printable, EscapesOnlyWhatATerminalMightObey) {
  EXPECT_EQ(Printable("dir/a b-é\"\\.yaml"), "dir/a b-é\"\\.yaml");
  EXPECT_EQ(Printable("a\x1b]0;x\x07\n\x7f"), R"(a\x1b]0;x\x07\n\x7f)");
  EXPECT_EQ(Printable("\xC2\x9B\xFF\xC2"), R"(\xc2\x9b\xff\xc2)");
  EXPECT_EQ(Printable("\xC2\xA0"), "\xC2\xA0");
}

TEST(JoinNames, CutsALongList) {
  EXPECT_EQ(JoinNames({}, 2), "");
  EXPECT_EQ(JoinNames({"a", "b"}, 2), "a, b");
  EXPECT_EQ(JoinNames({"a", "b", "c"}, 2), "a, b, ...");
}

TEST(ParseDecimal, DigitsOnly) {
  EXPECT_EQ(ParseDecimal("0"), 0u);
  EXPECT_EQ(ParseDecimal("18446744073709551615"), ~uint64_t{0});
  for (const char* text : {"", "00", "01", "-1", "+1", " 1", "1 ", "1.0", "0x1", "1e1", "1_000",
                           "18446744073709551616"}) {
    EXPECT_EQ(ParseDecimal(text), std::nullopt) << text;
  }
}

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
}  // namespace sluice::conf
