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

}  // namespace
}  // namespace sluice::conf
