#include "conf/text/text.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "core/text/utf8.h"

namespace sluice::conf {
namespace {

constexpr size_t kCompareMax = 64;  // longer names are not compared

// How many insertions, deletions, substitutions and swaps of neighbours turn `a` into `b`.
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

// Returns true if a typing error could turn `a` into `b`: few edits, or a part left out. `distance`
// gets the number of edits; for most pairs their lengths alone give the answer.
bool IsNear(std::string_view a, std::string_view b, size_t& distance) {
  const auto [shorter, longer] = std::minmax({a.size(), b.size()});
  const size_t allowed = std::max<size_t>(1, longer / 3);
  const bool is_part =
      shorter >= 4 && (a.find(b) != std::string_view::npos || b.find(a) != std::string_view::npos);
  if (!is_part && longer - shorter > allowed) return false;
  distance = EditDistance(a, b);
  return is_part || distance <= allowed;
}

}  // namespace

absl::Status InvalidArgument(std::string_view message) {
  return absl::InvalidArgumentError(Piece(message));
}

bool HasControlCharacter(std::string_view text) {
  return std::ranges::any_of(text, IsControlCharacter);
}

std::string_view WithoutByteOrderMark(std::string_view text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  return text.starts_with(kMark) ? text.substr(kMark.size()) : text;
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

std::string Printable(std::string_view text) {
  std::string printable;
  for (size_t i = 0; i < text.size();) {
    const size_t length = core::CharacterLength(text.substr(i));
    const std::string_view sequence = text.substr(i, std::max<size_t>(length, 1));
    const bool is_control = length == 0 || core::IsControl(sequence, length);
    printable += is_control ? absl::CHexEscape(Piece(sequence)) : std::string(sequence);
    i += sequence.size();
  }
  return printable;
}

std::string WithAllowed(std::string_view message, std::string_view allowed) {
  return Cat(message, message.ends_with('?') ? " Allowed: " : "; allowed: ", allowed);
}

std::string WithSuggestion(std::string_view message, std::string_view suggestion) {
  return Cat(message, "; did you mean ", Quoted(suggestion), "?");
}

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
  return nearest.has_value() ? WithSuggestion("", *nearest) : "";
}

std::string JoinNames(const std::vector<std::string>& names, size_t max) {
  std::string joined;
  for (size_t i = 0; i < std::min(names.size(), max); ++i) {
    joined += (i == 0 ? "" : ", ") + names[i];
  }
  return names.size() > max ? joined + ", ..." : joined;
}

}  // namespace sluice::conf
