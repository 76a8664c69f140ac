#include "conf/text/units.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <random>
#include <string>

namespace sluice::conf {
namespace {

using std::chrono::microseconds;

int64_t Micros(const std::string& text) {
  const auto duration = ParseDuration(text);
  return duration.ok() ? duration->count() : -1;
}

TEST(ParseDuration, EachUnit) {
  EXPECT_EQ(Micros("7us"), 7);
  EXPECT_EQ(Micros("7ms"), 7'000);
  EXPECT_EQ(Micros("7s"), 7'000'000);
  EXPECT_EQ(Micros("7m"), 420'000'000);
  EXPECT_EQ(Micros("7h"), 25'200'000'000);
  EXPECT_EQ(Micros("7d"), 604'800'000'000);
}

TEST(ParseDuration, ZeroNeedsAUnitToo) {
  EXPECT_EQ(Micros("0s"), 0);
  EXPECT_EQ(Micros("0us"), 0);
  EXPECT_EQ(Micros("0"), -1);
}

TEST(ParseDuration, SeveralFromLargeToSmall) {
  EXPECT_EQ(Micros("1m30s"), 90'000'000);
  EXPECT_EQ(Micros("1d2h3m4s5ms6us"), 93'784'005'006);
  EXPECT_EQ(Micros("0d1s"), 1'000'000);
  EXPECT_EQ(Micros("30s1m"), -1);
  EXPECT_EQ(Micros("1s1s"), -1);
}

TEST(ParseDuration, RejectsOtherForms) {
  for (const char* text :
       {"",    "s",  "5",    "1m30", "-5s", "+5s",  "1.5s", "1,5s", "5 s",       " 5s",
        "5s ", "5S", "5sec", "5w",   "05s", "0x5s", "1e3s", "5s!",  "\xC2\xB5s", "5µs"}) {
    const auto duration = ParseDuration(text);
    EXPECT_FALSE(duration.ok()) << text;
    EXPECT_TRUE(absl::IsInvalidArgument(duration.status())) << text;
  }
}

TEST(ParseDuration, OverflowIsOutOfRange) {
  EXPECT_EQ(Micros("9223372036854775807us"), std::numeric_limits<int64_t>::max());
  for (const char* text : {"9223372036854775808us", "18446744073709551616us", "106751992d",
                           "106751991d23h", "99999999999999999999999999s"}) {
    EXPECT_TRUE(absl::IsOutOfRange(ParseDuration(text).status())) << text;
  }
}

TEST(ParseDuration, SaysWhatIsWrong) {
  EXPECT_EQ(ParseDuration("5").status().message(), "\"5\" has no unit (units: us, ms, s, m, h, d)");
  EXPECT_EQ(ParseDuration("5min").status().message(),
            "\"5min\" has the unknown unit \"min\" (units: us, ms, s, m, h, d)");
}

TEST(FormatDuration, LargestUnitsFirst) {
  EXPECT_EQ(FormatDuration(microseconds(0)), "0s");
  EXPECT_EQ(FormatDuration(microseconds(90'000'000)), "1m30s");
  EXPECT_EQ(FormatDuration(microseconds(86'400'000'000)), "1d");
  EXPECT_EQ(FormatDuration(microseconds(93'784'005'006)), "1d2h3m4s5ms6us");
}

TEST(FormatDuration, RoundTrips) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) {
    const auto count = static_cast<int64_t>(random() >> (1 + random() % 63));
    EXPECT_EQ(Micros(FormatDuration(microseconds(count))), count);
  }
}

uint64_t Bytes(const std::string& text) { return ParseSize(text).value_or(~uint64_t{0}); }

TEST(ParseSize, EachUnit) {
  EXPECT_EQ(Bytes("7B"), 7u);
  EXPECT_EQ(Bytes("7KiB"), 7u * 1024);
  EXPECT_EQ(Bytes("7MiB"), 7u * 1024 * 1024);
  EXPECT_EQ(Bytes("7GiB"), uint64_t{7} * 1024 * 1024 * 1024);
  EXPECT_EQ(Bytes("7kB"), 7'000u);
  EXPECT_EQ(Bytes("7MB"), 7'000'000u);
  EXPECT_EQ(Bytes("7GB"), 7'000'000'000u);
  EXPECT_EQ(Bytes("0B"), 0u);
}

TEST(ParseSize, RejectsOtherForms) {
  for (const char* text : {"", "0", "64", "64K", "64kb", "64KB", "64k", "64TiB", "1MiB512KiB",
                           "1.5MiB", "-1B", "64 KiB", "064KiB", "B", "64KiB/s"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseSize(text).status())) << text;
  }
}

TEST(ParseSize, OverflowIsOutOfRange) {
  EXPECT_EQ(Bytes("18446744073709551614B"), ~uint64_t{0} - 1);
  EXPECT_EQ(Bytes("17179869183GiB"), uint64_t{17179869183} << 30);
  for (const char* text : {"18446744073709551616B", "17179869184GiB", "99999999999999999999kB"}) {
    EXPECT_TRUE(absl::IsOutOfRange(ParseSize(text).status())) << text;
  }
}

TEST(FormatSize, LargestBinaryUnitThatDivides) {
  EXPECT_EQ(FormatSize(0), "0B");
  EXPECT_EQ(FormatSize(1000), "1000B");
  EXPECT_EQ(FormatSize(1024), "1KiB");
  EXPECT_EQ(FormatSize(1536), "1536B");
  EXPECT_EQ(FormatSize(uint64_t{256} << 20), "256MiB");
  EXPECT_EQ(FormatSize(uint64_t{1024} << 30), "1024GiB");
}

TEST(FormatSize, RoundTrips) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t bytes = random() >> (random() % 64) << (random() % 40);
    EXPECT_EQ(Bytes(FormatSize(bytes)), bytes);
  }
}

TEST(ParseRate, WholeNumbersPerSecond) {
  EXPECT_EQ(ParseRate("0/s").value(), 0u);
  EXPECT_EQ(ParseRate("100/s").value(), 100u);
  EXPECT_EQ(FormatRate(100), "100/s");
  for (const char* text : {"", "/s", "100", "100 /s", "1.5/s", "01/s", "-1/s", "100/m", "100/ss"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseRate(text).status())) << text;
  }
  EXPECT_TRUE(absl::IsOutOfRange(ParseRate("18446744073709551616/s").status()));
}

TEST(ParseByteRate, SizesPerSecond) {
  EXPECT_EQ(ParseByteRate("0B/s").value(), 0u);
  EXPECT_EQ(ParseByteRate("10MiB/s").value(), uint64_t{10} << 20);
  EXPECT_EQ(FormatByteRate(10'000), "10000B/s");
  for (const char* text : {"", "/s", "10MiB", "10/s", "10MiB/m"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseByteRate(text).status())) << text;
  }
}

TEST(ParsePercent, WholeNumbers) {
  EXPECT_EQ(ParsePercent("0%").value(), 0u);
  EXPECT_EQ(ParsePercent("10%").value(), 10u);
  for (const char* text : {"", "%", "10", "10 %", "1.5%", "05%"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParsePercent(text).status())) << text;
  }
}

}  // namespace
}  // namespace sluice::conf
