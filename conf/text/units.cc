#include "conf/text/units.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

// How much of a Duration it is.
constexpr uint64_t FactorOf(core::Duration unit) { return static_cast<uint64_t>(unit.count()); }

// Largest first.
constexpr auto kDurationUnits = std::to_array<Unit>({
    {"d", FactorOf(24h)},
    {"h", FactorOf(1h)},
    {"m", FactorOf(1min)},
    {"s", FactorOf(1s)},
    {"ms", FactorOf(1ms)},
    {"us", FactorOf(1us)},
});

// Binary units come first: FormatSize takes the first that divides, and never a decimal one.
constexpr auto kSizeUnits = std::to_array<Unit>({
    {"GiB", uint64_t{1} << 30},
    {"MiB", uint64_t{1} << 20},
    {"KiB", uint64_t{1} << 10},
    {"B", 1},
    {"GB", 1'000'000'000},
    {"MB", 1'000'000},
    {"kB", 1'000},
});

constexpr std::string_view kDurationUnitNames = "us, ms, s, m, h, d";
constexpr std::string_view kSizeUnitNames = "B, KiB, MiB, GiB, kB, MB, GB";

struct Quantity {
  uint64_t number;
  std::string_view unit;
};

absl::Status Bad(std::string_view text, std::string_view why) {
  return InvalidArgument(Cat(Quoted(text), why));
}

absl::Status TooLarge(std::string_view text) {
  return absl::OutOfRangeError(Cat(Quoted(text), " is too large"));
}

const Unit* FindUnit(std::span<const Unit> units, std::string_view name) {
  const auto found = std::ranges::find(units, name, &Unit::name);
  return found == units.end() ? nullptr : &*found;
}

// Takes "<digits><letters>" off the front of `rest`; `text` is the whole value, for messages.
absl::StatusOr<Quantity> TakeQuantity(std::string_view text, std::string_view& rest) {
  const auto digits =
      static_cast<size_t>(std::ranges::find_if_not(rest, IsAsciiDigit) - rest.begin());
  if (text.find(' ') != std::string_view::npos) return Bad(text, " has a blank in it");
  if (digits == 0) return Bad(text, " is not a whole number with a unit");
  if (rest.substr(digits).starts_with('.'))
    return Bad(text, " is a fraction: a smaller unit makes it a whole number");
  const std::string_view number = rest.substr(0, digits);
  rest.remove_prefix(digits);
  const auto letters =
      static_cast<size_t>(std::ranges::find_if_not(rest, IsAsciiLetter) - rest.begin());
  const std::string_view unit = rest.substr(0, letters);
  rest.remove_prefix(letters);
  if (number.size() > 1 && number[0] == '0') return Bad(text, " begins with a zero");
  const std::optional<uint64_t> value = ParseDecimal(number);
  if (!value.has_value()) return TooLarge(text);
  return Quantity{*value, unit};
}

absl::Status UnknownUnit(std::string_view text, std::string_view unit,
                         std::string_view unit_names) {
  const std::string what =
      unit.empty() ? " has no unit" : Cat(" has the unknown unit ", Quoted(unit));
  return Bad(text, Cat(what, " (units: ", unit_names, ")"));
}

}  // namespace

absl::StatusOr<core::Duration> ParseDuration(std::string_view text) {
  constexpr uint64_t kMax = FactorOf(core::Duration::max());
  uint64_t total = 0;
  uint64_t last_factor = std::numeric_limits<uint64_t>::max();
  std::string_view rest = text;
  do {
    const absl::StatusOr<Quantity> quantity = TakeQuantity(text, rest);
    if (!quantity.ok()) return quantity.status();
    const auto [number, name] = *quantity;
    const Unit* unit = FindUnit(kDurationUnits, name);
    if (unit == nullptr) return UnknownUnit(text, name, kDurationUnitNames);
    if (unit->factor >= last_factor)
      return Bad(text, " repeats a unit or has a larger one behind a smaller one");
    last_factor = unit->factor;
    if (number > (kMax - total) / unit->factor) return TooLarge(text);
    total += number * unit->factor;
  } while (!rest.empty());
  return core::Duration(static_cast<int64_t>(total));
}

absl::StatusOr<uint64_t> ParseSize(std::string_view text) {
  std::string_view rest = text;
  const absl::StatusOr<Quantity> quantity = TakeQuantity(text, rest);
  if (!quantity.ok()) return quantity.status();
  const auto [number, name] = *quantity;
  if (!rest.empty()) return Bad(text, " is not one whole number with a unit");
  const Unit* unit = FindUnit(kSizeUnits, name);
  if (unit == nullptr) return UnknownUnit(text, name, kSizeUnitNames);
  if (number > std::numeric_limits<uint64_t>::max() / unit->factor) return TooLarge(text);
  return number * unit->factor;
}

namespace {

// Takes `suffix` off the end of `text`.
absl::StatusOr<std::string_view> WithoutSuffix(std::string_view text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return Bad(text, Cat(" does not end in ", Quoted(suffix)));
  return text.substr(0, text.size() - suffix.size());
}

absl::StatusOr<uint64_t> ParseNumberWith(std::string_view text, std::string_view suffix) {
  const absl::StatusOr<std::string_view> digits = WithoutSuffix(text, suffix);
  if (!digits.ok()) return digits.status();
  const bool is_number = !digits->empty() && std::ranges::all_of(*digits, IsAsciiDigit) &&
                         (digits->size() == 1 || digits->front() != '0');
  if (!is_number) return Bad(text, Cat(" is not a whole number before ", Quoted(suffix)));
  const std::optional<uint64_t> number = ParseDecimal(*digits);
  if (!number.has_value()) return TooLarge(text);
  return *number;
}

}  // namespace

absl::StatusOr<uint64_t> ParseRate(std::string_view text) { return ParseNumberWith(text, "/s"); }

absl::StatusOr<uint64_t> ParsePercent(std::string_view text) { return ParseNumberWith(text, "%"); }

absl::StatusOr<uint64_t> ParseByteRate(std::string_view text) {
  const absl::StatusOr<std::string_view> size = WithoutSuffix(text, "/s");
  return size.ok() ? ParseSize(*size) : size.status();
}

std::string FormatRate(uint64_t per_second) { return Cat(per_second, "/s"); }

std::string FormatByteRate(uint64_t bytes_per_second) {
  return Cat(FormatSize(bytes_per_second), "/s");
}

std::string FormatDuration(core::Duration duration) {
  auto rest = static_cast<uint64_t>(duration.count());
  std::string text;
  for (const Unit& unit : kDurationUnits) {
    if (rest >= unit.factor) text += Cat(rest / unit.factor, unit.name);
    rest %= unit.factor;
  }
  return text.empty() ? "0s" : text;
}

std::string FormatSize(uint64_t bytes) {
  for (const Unit& unit : kSizeUnits) {
    if (bytes != 0 && bytes % unit.factor == 0) return Cat(bytes / unit.factor, unit.name);
  }
  return "0B";
}

}  // namespace sluice::conf
