#include "conf/text/name.h"

#include <algorithm>
#include <cstddef>

#include "conf/text/text.h"

namespace sluice::conf {

bool IsName(std::string_view text) {
  constexpr size_t kMost = 63;
  const auto is_first = [](char c) { return IsAsciiLetter(c) || IsAsciiDigit(c); };
  const auto is_inner = [&](char c) { return is_first(c) || c == '_' || c == '-' || c == '.'; };
  return !text.empty() && text.size() <= kMost && is_first(text[0]) &&
         std::ranges::all_of(text, is_inner);
}

}  // namespace sluice::conf
