// Durations and sizes: accepted or not as a second, slower reading of the same rules says, and
// what is written reads back as the same value.
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "conf/text/units.h"
#include "tests/fuzz/target.h"

namespace sluice::fuzz {
namespace {

__extension__ using Wide = unsigned __int128;

enum Mistake : size_t { kNone, kOffByOne, kBareNumber, kAnyOrder };

using Unit = std::pair<std::string_view, uint64_t>;
const std::vector<Unit> kTimes = {
    {"us", 1'000},         {"ms", 1'000'000},        {"s", 1'000'000'000},
    {"m", 60'000'000'000}, {"h", 3'600'000'000'000}, {"d", 86'400'000'000'000}};
const std::vector<Unit> kSizes = {
    {"B", 1},         {"kB", 1'000},    {"MB", 1'000'000}, {"GB", 1'000'000'000},
    {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};

size_t Run(std::string_view text, std::string_view of) {
  const size_t end = text.find_first_not_of(of);
  return end == text.npos ? text.size() : end;
}

// The value, or nothing if the rules forbid it or it is above `max`.
std::optional<uint64_t> Reference(std::string_view text, const std::vector<Unit>& units,
                                  size_t parts, uint64_t max) {
  Wide total = 0;
  uint64_t smaller_than = std::numeric_limits<uint64_t>::max();
  if (text.empty()) return std::nullopt;
  for (size_t part = 0; !text.empty(); ++part) {
    const std::string_view digits = text.substr(0, Run(text, "0123456789"));
    text.remove_prefix(digits.size());
    const std::string_view name =
        text.substr(0, Run(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"));
    text.remove_prefix(name.size());
    const bool bad =
        digits.empty() || digits.size() > 20 || (digits.size() > 1 && digits[0] == '0');
    uint64_t factor = 0;
    for (const auto& [unit, size] : units) factor = unit == name ? size : factor;
    if (bad || factor == 0 || factor >= smaller_than || part == parts) return std::nullopt;
    Wide number = 0;
    for (const char digit : digits) number = number * 10 + static_cast<Wide>(digit - '0');
    total += number * factor;
    if (total > max) return std::nullopt;
    smaller_than = factor;
  }
  return static_cast<uint64_t>(total);
}

std::optional<uint64_t> Duration(std::string_view text, size_t mistake) {
  const auto parsed = conf::ParseDuration(text);
  if (!parsed.ok())
    return mistake == kAnyOrder && text == "1s1m" ? 61'000'000'000 : std::optional<uint64_t>();
  return static_cast<uint64_t>(parsed->count()) + (mistake == kOffByOne ? 1 : 0);
}

std::optional<uint64_t> Size(std::string_view text, size_t mistake) {
  const auto parsed = conf::ParseSize(text);
  if (parsed.ok()) return *parsed;
  if (mistake == kBareNumber && text == "1") return 1;
  return std::nullopt;
}

void Check(std::string_view text, size_t mistake) {
  const std::string shown(text);
  const auto duration = Duration(text, mistake);
  constexpr auto kMaxTime = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  Expect(duration == Reference(text, kTimes, kTimes.size(), kMaxTime), "a duration", shown);
  if (duration) {
    const auto time = core::Duration(static_cast<int64_t>(*duration));
    const auto again = conf::ParseDuration(conf::FormatDuration(time));
    Expect(again.ok() && *again == time, "a duration written and read", shown);
  }
  const auto size = Size(text, mistake);
  const uint64_t max = std::numeric_limits<uint64_t>::max();
  Expect(size == Reference(text, kSizes, 1, max), "a size", shown);
  if (size) {
    const auto again = conf::ParseSize(conf::FormatSize(*size));
    Expect(again.ok() && *again == *size, "a size written and read", shown);
  }
}

}  // namespace

const Target& TheTarget() {
  static const Target target = {
      .name = "units",
      .run = Check,
      .mistakes = {"a nanosecond more", "a number without a unit", "units in any order"},
      .words = {"us",  "ms",  "s",   "m",  "h",  "d",  "B",  "kB",
                "KiB", "MiB", "GiB", "MB", "GB", "0",  "1",  "00",
                "-",   "+",   ".",   " ",  "\t", "e9", "0x", "9223372036854775807"},
      .random_inputs = 20000,
      .max_size = 64};
  return target;
}

}  // namespace sluice::fuzz
