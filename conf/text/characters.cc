#include "conf/text/characters.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>

#include "absl/strings/str_format.h"
#include "conf/text/text.h"
#include "core/text/utf8.h"

namespace sluice::conf {
namespace {

struct Range {
  uint32_t first;
  uint32_t last;
  std::string_view name;
  std::string_view ascii;  // what is meant; of a full-width character: found by its number
  bool is_invisible;
};

constexpr uint32_t kFullWidthFirst = 0xff01;
constexpr uint32_t kFullWidthLast = 0xff5e;

constexpr auto kRanges = std::to_array<Range>({
    {0x85, 0x85, "a line break of another kind", " ", true},
    {0xa0, 0xa0, "a no-break space", " ", true},
    {0xab, 0xab, "a typographic quote", "\"", false},
    {0xad, 0xad, "a soft hyphen", "", true},
    {0xb4, 0xb4, "an accent that looks like a quote", "'", false},
    {0xbb, 0xbb, "a typographic quote", "\"", false},
    {0x37e, 0x37e, "a Greek question mark that looks like a semicolon", ";", false},
    {0x61c, 0x61c, "a mark of the writing direction", "", true},
    {0x1680, 0x1680, "a space of another kind", " ", true},
    {0x180e, 0x180e, "a zero-width character", "", true},
    {0x2000, 0x200a, "a space of another kind", " ", true},
    {0x200b, 0x200d, "a zero-width character", "", true},
    {0x200e, 0x200f, "a mark of the writing direction", "", true},
    {0x2010, 0x2015, "a typographic dash", "-", false},
    {0x2018, 0x201b, "a typographic quote", "'", false},
    {0x201c, 0x201f, "a typographic quote", "\"", false},
    {0x2024, 0x2024, "a leader that looks like a dot", ".", false},
    {0x2026, 0x2026, "an ellipsis", "...", false},
    {0x2028, 0x2029, "a line break of another kind", " ", true},
    {0x202a, 0x202e, "a mark of the writing direction", "", true},
    {0x202f, 0x202f, "a no-break space", " ", true},
    {0x2032, 0x2032, "a prime that looks like a quote", "'", false},
    {0x2033, 0x2033, "a prime that looks like a quote", "\"", false},
    {0x2039, 0x203a, "a typographic quote", "'", false},
    {0x2044, 0x2044, "a fraction slash", "/", false},
    {0x205f, 0x205f, "a space of another kind", " ", true},
    {0x2060, 0x2064, "a zero-width character", "", true},
    {0x2066, 0x206f, "a mark of the writing direction", "", true},
    {0x2212, 0x2212, "a minus sign that is not the one of ASCII", "-", false},
    {0x2215, 0x2215, "a division slash", "/", false},
    {0x2236, 0x2236, "a ratio sign that looks like a colon", ":", false},
    {0x3000, 0x3000, "a full-width space", " ", true},
    {0x3002, 0x3002, "a full stop of another script", ".", false},
    {0x300c, 0x300f, "a quote of another script", "\"", false},
    {0xfe55, 0xfe55, "a small colon", ":", false},
    {0xfeff, 0xfeff, "a byte order mark, which has no width", "", true},
    {kFullWidthFirst, kFullWidthLast, "a full-width character", "", false},
});

uint32_t CodePoint(std::string_view character) {
  const auto byte = [&](size_t i) {
    return static_cast<uint32_t>(static_cast<uint8_t>(character[i]));
  };
  switch (character.size()) {
    case 1:
      return byte(0);
    case 2:
      return (byte(0) & 0x1f) << 6 | (byte(1) & 0x3f);
    case 3:
      return (byte(0) & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
    default:
      return (byte(0) & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 |
             (byte(3) & 0x3f);
  }
}

const Range* RangeOf(uint32_t code) {
  if (code < kRanges.front().first) return nullptr;
  const auto range = std::ranges::find_if(
      kRanges, [code](const Range& r) { return code >= r.first && code <= r.last; });
  return range == kRanges.end() ? nullptr : &*range;
}

std::string AsciiOf(uint32_t code, const Range& range) {
  if (code < kFullWidthFirst || code > kFullWidthLast) return std::string(range.ascii);
  return std::string(1, static_cast<char>(code - kFullWidthFirst + '!'));
}

// Calls `visit` with each character until it returns false.
template <typename Visit>
void ForEachCharacter(std::string_view text, Visit visit) {
  size_t number = 1;
  for (size_t i = 0; i < text.size(); ++number) {
    const size_t length = std::max<size_t>(core::CharacterLength(text.substr(i)), 1);
    if (!visit(i, number, text.substr(i, length))) return;
    i += length;
  }
}

}  // namespace

std::optional<Lookalike> FindLookalike(std::string_view text) {
  std::optional<Lookalike> found;
  ForEachCharacter(text, [&](size_t offset, size_t number, std::string_view character) {
    const uint32_t code = CodePoint(character);
    const Range* range = RangeOf(code);
    if (range == nullptr) return true;
    std::string name = absl::StrFormat("U+%04X", code);
    if (!range->is_invisible) name = Cat(character, " (", name, ")");
    found = {offset, number, Cat(name, ", ", range->name), range->is_invisible};
    return false;
  });
  return found;
}

bool HasInvisible(std::string_view text) {
  bool has = false;
  ForEachCharacter(text, [&](size_t, size_t, std::string_view character) {
    const Range* range = RangeOf(CodePoint(character));
    has = range != nullptr && range->is_invisible;
    return !has;
  });
  return has;
}

std::string WithoutLookalikes(std::string_view text) {
  std::string ascii;
  ForEachCharacter(text, [&](size_t, size_t, std::string_view character) {
    const uint32_t code = CodePoint(character);
    const Range* range = RangeOf(code);
    ascii += range == nullptr ? std::string(character) : AsciiOf(code, *range);
    return true;
  });
  const size_t first = ascii.find_first_not_of(' ');
  if (first == ascii.npos) return "";
  return ascii.substr(first, ascii.find_last_not_of(' ') - first + 1);
}

}  // namespace sluice::conf
