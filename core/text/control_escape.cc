#include "core/text/control_escape.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/text/utf8.h"

namespace sluice::core {

void AppendControlEscaped(std::string_view text, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    const bool is_plain = length > 0 && !IsControl(text, length);
    const std::string_view character = text.substr(0, std::max<size_t>(length, 1));
    text.remove_prefix(character.size());
    if (is_plain) {
      out += character;
      continue;
    }
    for (const char c : character) {
      const auto byte = static_cast<uint8_t>(c);
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
}

}  // namespace sluice::core
