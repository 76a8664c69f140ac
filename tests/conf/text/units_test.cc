#include "conf/text/units.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <random>
#include <string>

namespace sluice::conf {
namespace {

using core::Duration;

std::optional<Duration> Parsed(const std::string& text) {
  const auto duration = ParseDuration(text);
  return duration.ok() ? std::optional(*duration) : std::nullopt;
}

TEST(ParseDuration, EachUnit) {
  EXPECT_EQ(Parsed("7us"), 7us);
  EXPECT_EQ(Parsed("7ms"), 7ms);
  EXPECT_EQ(Parsed("7s"), 7s);
  EXPECT_EQ(Parsed("7m"), 7min);
  EXPECT_EQ(Parsed("7h"), 7h);
  EXPECT_EQ(Parsed("7d"), 7 * 24h);
}

TEST(ParseDuration, ZeroNeedsAUnitToo) {
  EXPECT_EQ(Parsed("0s"), 0s);
  EXPECT_EQ(Parsed("0us"), 0s);
  EXPECT_EQ(Parsed("0"), std::nullopt);
}

TEST(ParseDuration, SeveralFromLargeToSmall) {
  EXPECT_EQ(Parsed("1m30s"), 90s);
  EXPECT_EQ(Parsed("1d2h3m4s5ms6us"), 93'784'005'006us);
  EXPECT_EQ(Parsed("0d1s"), 1s);
  EXPECT_EQ(Parsed("30s1m"), std::nullopt);
  EXPECT_EQ(Parsed("1s1s"), std::nullopt);
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
  EXPECT_EQ(Parsed("9223372036854775us"), 9223372036854775us);
  for (const char* text : {"9223372036854776us", "18446744073709551616us", "106752d",
                           "106751d23h48m", "99999999999999999999999999s"}) {
    EXPECT_TRUE(absl::IsOutOfRange(ParseDuration(text).status())) << text;
  }
}

TEST(ParseDuration, SaysWhatIsWrong) {
  EXPECT_EQ(ParseDuration("5").status().message(), "\"5\" has no unit (units: us, ms, s, m, h, d)");
  EXPECT_EQ(ParseDuration("5min").status().message(),
            "\"5min\" has the unknown unit \"min\" (units: us, ms, s, m, h, d)");
}

TEST(FormatDuration, LargestUnitsFirst) {
  EXPECT_EQ(FormatDuration(0us), "0s");
  EXPECT_EQ(FormatDuration(1'999ns), "1us");
  EXPECT_EQ(FormatDuration(90'000'000us), "1m30s");
  EXPECT_EQ(FormatDuration(86'400'000'000us), "1d");
  EXPECT_EQ(FormatDuration(93'784'005'006us), "1d2h3m4s5ms6us");
}

TEST(FormatDuration, RoundTrips) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) {
    const auto time = static_cast<int64_t>(random() >> (11 + random() % 53)) * 1us;  // to 285 years
    EXPECT_EQ(Parsed(FormatDuration(time)), time);
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
