#include "core/text/decimal.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>

namespace sluice::core {
namespace {

TEST(ParseDecimal, DigitsOnly) {
  EXPECT_EQ(ParseDecimal("0"), 0u);
  EXPECT_EQ(ParseDecimal("18446744073709551615"), ~uint64_t{0});
  for (const char* text : {"", "00", "01", "-1", "+1", " 1", "1 ", "1.0", "0x1", "1e1", "1_000",
                           "18446744073709551616"}) {
    EXPECT_EQ(ParseDecimal(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace sluice::core
