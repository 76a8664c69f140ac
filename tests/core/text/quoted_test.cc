#include "core/text/quoted.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::core {
namespace {

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

}  // namespace
}  // namespace sluice::core
