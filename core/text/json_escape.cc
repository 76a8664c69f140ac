#include "core/text/json_escape.h"

#include <cstddef>
#include <cstdint>

#include "core/text/utf8.h"

namespace sluice::core {
namespace {

// How many bytes `text` begins with that are written as they are, in ASCII.
size_t PlainLength(std::string_view text) {
  size_t length = 0;
  for (; length < text.size(); ++length) {
    const auto byte = static_cast<uint8_t>(text[length]);
    if (byte < 0x20 || byte >= 0x7f || byte == '"' || byte == '\\') break;
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
    size_t length = CharacterLength(text);
    if (length == 0) {
      out += "\\ufffd";
      length = 1;
    } else if (IsControl(text, length)) {
      // The last byte of the two of a C1 character is its number.
      const auto number = static_cast<uint8_t>(text[length - 1]);
      out += "\\u00";
      out += kHex[number >> 4];
      out += kHex[number & 15];
    } else if (length > 1) {
      out.append(text, 0, length);
    } else {
      out += '\\';
      out += text[0];
    }
    text.remove_prefix(length);
  }
}

}  // namespace sluice::core
