#include "conf/text/guess.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <optional>
#include <span>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "conf/text/text.h"
#include "conf/text/units.h"

namespace sluice::conf {
namespace {

struct Factor {
  std::string_view words;  // each between blanks
  uint64_t factor;
};

constexpr uint64_t kMillion = 1'000'000;

constexpr auto kTimes = std::to_array<Factor>({
    {" w wk wks week weeks ", 7 * 86'400 * kMillion},
    {" d day days ", 86'400 * kMillion},
    {" h hr hrs hour hours ", 3'600 * kMillion},
    {" m min mins minute minutes ", 60 * kMillion},
    {" s sec secs second seconds ", kMillion},
    {" ms msec msecs milli millis millisecond milliseconds ", 1'000},
    {" us usec usecs micro micros microsecond microseconds \xC2\xB5s ", 1},
});

constexpr auto kMultiples = std::to_array<Factor>({
    {" k thousand ", 1'000},
    {" m mio million ", kMillion},
    {" g bn billion ", 1'000 * kMillion},
});

// The words of a size in lower case: binary multiples unless the unit has a "b" alone behind it.
constexpr auto kSizes = std::to_array<Factor>({
    {" b byte bytes ", 1},
    {" k ki kib kibibyte kibibytes ", uint64_t{1} << 10},
    {" m mi mib mebibyte mebibytes ", uint64_t{1} << 20},
    {" g gi gib gibibyte gibibytes ", uint64_t{1} << 30},
    {" t ti tib tb terabyte terabytes ", uint64_t{1} << 40},
    {" kb kilobyte kilobytes ", 1'000},
    {" mb megabyte megabytes ", kMillion},
    {" gb gigabyte gigabytes ", 1'000 * kMillion},
});

constexpr auto kBits = std::to_array<Factor>({
    {" bit bits bps ", 1},
    {" kbit kbits kbps kb ", 1'000},
    {" mbit mbits mbps mb ", kMillion},
    {" gbit gbits gbps gb ", 1'000 * kMillion},
});

constexpr std::string_view kNone =
    " unlimited infinite infinity inf endless forever never none no off disable disabled false "
    "null "
    "nil ~ -1 0 ";

// Digits before and behind a point, and what follows them.
struct Amount {
  uint64_t digits;    // without the point: 15 for "1.5"
  uint64_t divisor;   // 10 for "1.5"
  std::string unit;   // in lower case, without blanks
  std::string plain;  // likewise, as it was written
};

bool IsIn(std::string_view words, std::string_view word) {
  return !word.empty() && words.find(Cat(" ", word, " ")) != words.npos;
}

std::string Lower(std::string_view text) { return absl::AsciiStrToLower(Piece(text)); }

std::string WithoutBlanks(std::string_view text) {
  std::string kept(text);
  std::erase_if(kept, [](char c) { return c == ' ' || c == '\t'; });
  return kept;
}

// "10,000", "10_000" and "10 000" group their digits in threes.
std::string WithoutGrouping(std::string_view text) {
  std::string kept;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_mark = text[i] == ',' || text[i] == '_' || text[i] == '\'';
    const auto is_digit = [text](size_t at) { return at < text.size() && IsAsciiDigit(text[at]); };
    const bool groups = is_mark && i > 0 && is_digit(i - 1) && is_digit(i + 1) && is_digit(i + 2) &&
                        is_digit(i + 3) && !is_digit(i + 4);
    if (!groups) kept += text[i];
  }
  return kept;
}

std::optional<Amount> ParseAmount(std::string_view text) {
  std::string rest = WithoutBlanks(WithoutGrouping(text));
  if (rest.starts_with('+')) rest.erase(0, 1);
  const size_t end = std::min(rest.find_first_not_of("0123456789."), rest.size());
  std::string number = rest.substr(0, end);
  Amount amount{0, 1, Lower(std::string_view(rest).substr(end)), rest.substr(end)};
  const size_t point = number.find('.');
  if (point != number.npos) {
    number.erase(point, 1);
    for (size_t i = point; i < number.size(); ++i) amount.divisor *= 10;
  }
  const size_t first = std::min(number.find_first_not_of('0'), number.size());
  const bool is_zero = first == number.size() && !number.empty();
  const std::optional<uint64_t> digits = ParseDecimal(is_zero ? "0" : number.substr(first));
  if (!digits.has_value() || number.size() > 15) return std::nullopt;
  amount.digits = *digits;
  return amount;
}

// The amount times `factor`, if that is a whole number.
std::optional<uint64_t> Times(const Amount& amount, uint64_t factor) {
  if (amount.digits != 0 && factor > std::numeric_limits<uint64_t>::max() / amount.digits) {
    return std::nullopt;
  }
  const uint64_t product = amount.digits * factor;
  if (product % amount.divisor != 0) return std::nullopt;
  return product / amount.divisor;
}

std::optional<uint64_t> InUnits(const Amount& amount, std::string_view unit,
                                std::span<const Factor> units) {
  const auto found =
      std::ranges::find_if(units, [&](const Factor& f) { return IsIn(f.words, unit); });
  return found == units.end() ? std::nullopt : Times(amount, found->factor);
}

// One number with the largest unit that makes it whole: "1500ms".
std::string OneTime(uint64_t microseconds) {
  for (const auto& [name, factor] : {std::pair<std::string_view, uint64_t>("d", 86'400 * kMillion),
                                     {"h", 3'600 * kMillion},
                                     {"m", 60 * kMillion},
                                     {"s", kMillion},
                                     {"ms", 1'000}}) {
    if (microseconds % factor == 0) {
      return microseconds == 0 ? "0s" : Cat(microseconds / factor, name);
    }
  }
  return Cat(microseconds, "us");
}

// "kb", "megabytes": in contrast to "k" and "mib".
bool IsDecimal(std::string_view unit) {
  return unit.size() >= 2 && (unit[1] == 'b' || unit.find("byte", 2) != unit.npos) &&
         unit.find("bi") == unit.npos;
}

std::string DecimalSize(uint64_t bytes) {
  for (const auto& [name, factor] : {std::pair<std::string_view, uint64_t>("GB", 1'000 * kMillion),
                                     {"MB", kMillion},
                                     {"kB", 1'000}}) {
    if (bytes != 0 && bytes % factor == 0) return Cat(bytes / factor, name);
  }
  return FormatSize(bytes);
}

void AddNone(std::string_view text, std::initializer_list<std::string_view> zeros,
             Guesses& guesses) {
  if (!IsIn(kNone, Lower(WithoutBlanks(text)))) return;
  guesses.insert(guesses.end(), zeros.begin(), zeros.end());
}

// Takes "/s", "/sec", "per second", "ps" off the end of a unit. Returns how many seconds the rate
// is for, 0 if it is for none.
uint64_t TakePer(std::string& unit) {
  constexpr auto kPer = std::to_array<std::pair<std::string_view, uint64_t>>({
      {"persecond", 1},
      {"/second", 1},
      {"/sec", 1},
      {"/s", 1},
      {"persec", 1},
      {"perminute", 60},
      {"/minute", 60},
      {"/min", 60},
      {"/m", 60},
      {"/hour", 3600},
      {"/h", 3600},
      {"perhour", 3600},
      {"ps", 1},
  });
  for (const auto& [suffix, seconds] : kPer) {
    if (!unit.ends_with(suffix)) continue;
    unit.resize(unit.size() - suffix.size());
    return seconds;
  }
  return 0;
}

}  // namespace

Guesses GuessBareText(std::string_view text) {
  constexpr std::string_view kAround = " \t\r\n\"'`;,";
  const size_t first = text.find_first_not_of(kAround);
  if (first == text.npos) return {};
  const std::string_view bare = text.substr(first, text.find_last_not_of(kAround) - first + 1);
  if (bare == text) return {};
  return {std::string(bare)};
}

Guesses GuessCount(std::string_view text) {
  Guesses guesses;
  const std::optional<Amount> amount = ParseAmount(text);
  if (amount.has_value()) {
    const std::string& unit = amount->unit;
    const bool is_power = unit.size() == 2 && unit[0] == 'e' && IsAsciiDigit(unit[1]);
    uint64_t factor = 1;
    for (int i = is_power ? unit[1] - '0' : 0; i > 0; --i) factor *= 10;
    const auto count =
        unit.empty() || is_power ? Times(*amount, factor) : InUnits(*amount, unit, kMultiples);
    if (count.has_value()) guesses.push_back(Cat(*count));
  }
  if (text.starts_with("0x") && text.size() < 10) {
    guesses.push_back(Cat(std::strtoull(std::string(text).c_str(), nullptr, 16)));
  }
  AddNone(text, {"0", "auto"}, guesses);
  if (IsIn(" max maximum all default cpus cores ncpu nproc ", Lower(text)))
    guesses.push_back("auto");
  if (Lower(text) == "auto") guesses.push_back("auto");
  return guesses;
}

Guesses GuessDuration(std::string_view text) {
  Guesses guesses;
  const std::string lower = Lower(WithoutBlanks(text));
  if (const std::optional<Amount> amount = ParseAmount(text)) {
    const std::string unit = amount->unit.empty() ? "s" : amount->unit;
    const std::optional<uint64_t> time = InUnits(*amount, unit, kTimes);
    if (time.has_value()) guesses.push_back(OneTime(*time));
  }
  const std::string units = absl::StrReplaceAll(lower, {{"minutes", "m"},
                                                        {"minute", "m"},
                                                        {"mins", "m"},
                                                        {"min", "m"},
                                                        {"seconds", "s"},
                                                        {"second", "s"},
                                                        {"secs", "s"},
                                                        {"sec", "s"},
                                                        {"hours", "h"},
                                                        {"hour", "h"},
                                                        {"days", "d"},
                                                        {"day", "d"}});
  for (const std::string_view unit : {"", "s", "ms"}) guesses.push_back(Cat(units, unit));
  AddNone(text, {"0s"}, guesses);
  return guesses;
}

Guesses GuessSize(std::string_view text) {
  Guesses guesses;
  if (const std::optional<Amount> amount = ParseAmount(text)) {
    const std::string unit = amount->unit.empty() ? "b" : amount->unit;
    const std::optional<uint64_t> size = InUnits(*amount, unit, kSizes);
    const bool is_decimal = IsDecimal(unit);
    if (size.has_value()) guesses.push_back(is_decimal ? DecimalSize(*size) : FormatSize(*size));
  }
  AddNone(text, {"0B"}, guesses);
  return guesses;
}

Guesses GuessRate(std::string_view text) {
  Guesses guesses;
  if (std::optional<Amount> amount = ParseAmount(text)) {
    std::string unit = amount->unit;
    const uint64_t seconds = std::max<uint64_t>(TakePer(unit), 1);
    amount->divisor *= seconds;
    const bool is_bare = IsIn(" r c req reqs conn conns connection connections ", unit);
    const std::optional<uint64_t> rate =
        unit.empty() || is_bare ? Times(*amount, 1) : InUnits(*amount, unit, kMultiples);
    if (rate.has_value()) guesses.push_back(FormatRate(*rate));
  }
  AddNone(text, {"0/s"}, guesses);
  return guesses;
}

Guesses GuessByteRate(std::string_view text) {
  Guesses guesses;
  if (std::optional<Amount> amount = ParseAmount(text)) {
    std::string unit = amount->unit;
    // Bits have a small "b": Mbps, Mb/s, Mbit/s. Bytes have a large one.
    const bool has_bits = amount->plain.find('b') != std::string::npos &&
                          amount->plain.find("yte") == std::string::npos &&
                          amount->plain.find("ib") == std::string::npos;
    const uint64_t seconds = std::max<uint64_t>(TakePer(unit), 1);
    amount->divisor *= seconds * (has_bits ? 8 : 1);
    if (has_bits && IsIn(" k m g ", unit)) unit += "bit";
    if (unit.empty()) unit = has_bits ? "bit" : "b";
    const std::optional<uint64_t> rate =
        has_bits ? InUnits(*amount, unit, kBits) : InUnits(*amount, unit, kSizes);
    const bool is_decimal = has_bits || IsDecimal(unit);
    if (rate.has_value())
      guesses.push_back(Cat(is_decimal ? DecimalSize(*rate) : FormatSize(*rate), "/s"));
  }
  AddNone(text, {"0B/s"}, guesses);
  return guesses;
}

Guesses GuessPercent(std::string_view text) {
  Guesses guesses;
  if (const std::optional<Amount> amount = ParseAmount(text)) {
    const bool is_percent = IsIn(" % percent pct ", amount->unit);
    const bool is_part = amount->unit.empty() && amount->divisor > 1;
    const std::optional<uint64_t> percent = Times(*amount, is_part ? 100 : 1);
    if (percent.has_value() && (is_percent || amount->unit.empty())) {
      guesses.push_back(Cat(*percent, "%"));
    }
  }
  AddNone(text, {"0%"}, guesses);
  return guesses;
}

Guesses GuessFlag(std::string_view text) {
  const std::string lower = Lower(WithoutBlanks(text));
  if (IsIn(" true t yes y on 1 enable enabled ", lower)) return {"true"};
  if (IsIn(" false f no n off 0 disable disabled none never ", lower)) return {"false"};
  return {};
}

Guesses GuessWord(std::string_view text) {
  struct Habit {
    std::string_view words;
    std::string_view ours;
  };
  static constexpr auto kHabits = std::to_array<Habit>({
      {" roundrobin rr wrr static_rr static-rr weighted_round_robin weighted ", "round_robin"},
      {" leastconn least_conn least_request leastconnections lc wlc ", "least_connections"},
      {" random p2c power_of_two two_choices ", "random_two"},
      {" ip_hash iphash source hash sticky client_ip ", "source_hash"},
      {" warning warnings alert ", "warn"},
      {" err crit critical fatal emerg panic ", "error"},
      {" verbose ", "debug"},
      {" information notice normal ", "info"},
      {" all finest ", "trace"},
      {" plain logfmt line human console ", "text"},
      {" uring iouring ", "io_uring"},
      {" poll select kqueue libevent libev ", "auto"},
      {" reset rst reject refuse drop deny ", "close"},
      {" queue block pause delay backpressure ", "wait"},
      {" yes true on enable enabled keep half_open ", "relay"},
      {" no false off disable disabled none never quiet silent 0 ", "off"},
      {" no false off disable disabled none never 0 ", "close"},
  });
  Guesses guesses;
  std::string word = Lower(text);
  std::ranges::replace_if(
      word, [](char c) { return c == '-' || c == ' '; }, '_');
  guesses.push_back(word);
  for (const Habit& habit : kHabits) {
    if (IsIn(habit.words, word)) guesses.emplace_back(habit.ours);
  }
  return guesses;
}

Guesses GuessName(std::string_view text) {
  std::string name(text);
  std::ranges::replace_if(
      name, [](char c) { return c == ' ' || c == '/' || c == ':'; }, '_');
  return {name};
}

Guesses GuessFileMode(std::string_view text) {
  constexpr std::string_view kLetters = "rwxrwxrwx";
  if (text.starts_with("0o")) return {Cat("0", text.substr(2))};
  if (text.size() == 10 && (text[0] == '-' || text[0] == 's')) text.remove_prefix(1);
  if (text.size() != kLetters.size()) return {};
  std::string mode = "0";
  for (size_t i = 0; i < kLetters.size(); i += 3) {
    char digit = 0;
    for (size_t j = i; j < i + 3; ++j) {
      if (text[j] != kLetters[j] && text[j] != '-') return {};
      digit = static_cast<char>(digit * 2 + (text[j] == '-' ? 0 : 1));
    }
    mode += static_cast<char>('0' + digit);
  }
  return {mode};
}

}  // namespace sluice::conf
