#include "core/json_escape.h"

#include <cstddef>
#include <cstdint>

namespace sluice::core {
namespace {

// The length of the UTF-8 character (Unicode 15, table 3-7) that `text`, not empty, begins with; 0
// if there is none.
size_t CharacterLength(std::string_view text) {
  const auto at = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = at(0);
  if (lead < 0x80) return 1;
  size_t length;
  uint8_t low = 0x80;
  uint8_t high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if (lead == 0xe0) low = 0xa0;   // shorter forms exist
    if (lead == 0xed) high = 0x9f;  // surrogates
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;  // beyond U+10FFFF
  } else {
    return 0;
  }
  if (text.size() < length || at(1) < low || at(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (at(i) < 0x80 || at(i) > 0xbf) return 0;
  }
  return length;
}

// How many bytes `text` begins with that are written as they are, in ASCII.
size_t PlainLength(std::string_view text) {
  size_t length = 0;
  for (; length < text.size(); ++length) {
    const auto byte = static_cast<uint8_t>(text[length]);
    if (byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\') break;
  }
  return length;
}

}  // namespace

void AppendJsonEscaped(std::string_view text, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  while (!text.empty()) {
    const size_t plain = PlainLength(text);
    out.append(text, 0, plain);
    text.remove_prefix(plain);
    if (text.empty()) return;
    const auto byte = static_cast<uint8_t>(text[0]);
    size_t length = CharacterLength(text);
    if (length == 0) {
      out += "\\ufffd";
      length = 1;
    } else if (length > 1) {
      out.append(text, 0, length);
    } else if (byte < 0x20) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += '\\';
      out += text[0];
    }
    text.remove_prefix(length);
  }
}

}  // namespace sluice::core
