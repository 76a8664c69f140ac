#include "conf/text/text.h"

#include <algorithm>
#include <charconv>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"

namespace sluice::conf {
namespace {

constexpr size_t kQuotedMax = 80;   // bytes of a value shown in a message
constexpr size_t kCompareMax = 64;  // longer names are not compared

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Insertions, deletions, substitutions and swaps of neighbours that make `b` of `a`.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, substituted});
      const bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (is_swap) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

// Whether a slip of the pen could turn `a` into `b`: few edits, or a part left out. `distance` gets
// the number of edits; most pairs are told apart by their lengths alone.
bool IsNear(std::string_view a, std::string_view b, size_t& distance) {
  const auto [shorter, longer] = std::minmax({a.size(), b.size()});
  const size_t allowed = std::max<size_t>(1, longer / 3);
  const bool is_part =
      shorter >= 4 && (a.find(b) != std::string_view::npos || b.find(a) != std::string_view::npos);
  if (!is_part && longer - shorter > allowed) return false;
  distance = EditDistance(a, b);
  return is_part || distance <= allowed;
}

// The controls from U+0080 to U+009F, of which one begins an escape sequence as ESC [ does.
bool IsC1(std::string_view sequence) {
  return sequence.size() == 2 && sequence[0] == '\xC2' &&
         static_cast<unsigned char>(sequence[1]) < 0xA0;
}

// The length of the UTF-8 sequence at `text`, 0 if there is no valid one.
size_t Utf8Length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  if (!std::ranges::all_of(text.substr(1, length - 1), IsContinuation)) return 0;
  const auto second = static_cast<unsigned char>(text[1]);
  if (lead == 0xE0 && second < 0xA0) return 0;  // overlong
  if (lead == 0xED && second > 0x9F) return 0;  // a surrogate
  if (lead == 0xF0 && second < 0x90) return 0;  // overlong
  if (lead == 0xF4 && second > 0x8F) return 0;  // above U+10FFFF
  return length;
}

bool HasC1(std::string_view text) {
  for (size_t i = text.find('\xC2'); i != text.npos; i = text.find('\xC2', i + 1)) {
    if (IsC1(text.substr(i, 2))) return true;
  }
  return false;
}

}  // namespace

absl::Status InvalidArgument(std::string_view message) {
  return absl::InvalidArgumentError(Piece(message));
}

bool HasControlCharacter(std::string_view text) {
  return std::ranges::any_of(text, IsControlCharacter);
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

std::optional<uint64_t> ParseDecimal(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  uint64_t value = 0;
  const char* begin = text.data();
  const char* end = begin + text.size();
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::string Printable(std::string_view text) {
  std::string printable;
  for (size_t i = 0; i < text.size();) {
    const size_t length = Utf8Length(text.substr(i));
    const std::string_view sequence = text.substr(i, std::max<size_t>(length, 1));
    const bool is_control = length == 0 || IsControlCharacter(sequence[0]) || IsC1(sequence);
    printable += is_control ? absl::CHexEscape(Piece(sequence)) : std::string(sequence);
    i += sequence.size();
  }
  return printable;
}

std::string Quoted(std::string_view text) {
  const bool cut = text.size() > kQuotedMax;
  if (cut) {
    size_t size = kQuotedMax;
    while (size > 0 && IsContinuation(text[size])) --size;
    text = text.substr(0, size);
  }
  const bool is_plain = !FindInvalidUtf8(text).has_value() && !HasC1(text);
  const std::string escaped =
      is_plain ? absl::Utf8SafeCEscape(Piece(text)) : absl::CHexEscape(Piece(text));
  return Cat("\"", escaped, cut ? "\"..." : "\"");
}

std::string Found(std::string_view text) { return Cat("found ", Quoted(text)); }

std::optional<std::string> Nearest(std::string_view name,
                                   const std::vector<std::string>& candidates) {
  if (name.size() > kCompareMax) return std::nullopt;
  const std::string lower = absl::AsciiStrToLower(Piece(name));
  std::optional<std::string> nearest;
  size_t nearest_distance = 0;
  for (const std::string& candidate : candidates) {
    size_t distance = 0;
    if (!IsNear(lower, absl::AsciiStrToLower(candidate), distance)) continue;
    if (nearest.has_value() && distance >= nearest_distance) continue;  // the first of equals
    nearest = candidate;
    nearest_distance = distance;
  }
  return nearest;
}

std::string DidYouMean(std::string_view name, const std::vector<std::string>& candidates) {
  const std::optional<std::string> nearest = Nearest(name, candidates);
  return nearest.has_value() ? Cat(" (did you mean ", Quoted(*nearest), "?)") : "";
}

std::string JoinNames(const std::vector<std::string>& names, size_t max) {
  std::string joined;
  for (size_t i = 0; i < std::min(names.size(), max); ++i) {
    joined += (i == 0 ? "" : ", ") + names[i];
  }
  return names.size() > max ? joined + ", ..." : joined;
}

std::optional<size_t> FindInvalidUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t length = Utf8Length(text.substr(i));
    if (length == 0) return i;
    i += length;
  }
  return std::nullopt;
}

}  // namespace sluice::conf
