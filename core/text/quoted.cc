#include "core/text/quoted.h"

#include <cstddef>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/text/utf8.h"

namespace sluice::core {
namespace {

constexpr size_t kShownMax = 80;  // bytes

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Whether a terminal would obey a part of `text`, which is UTF-8: C1 (U+0080 to U+009F) counts too.
bool HasC1(std::string_view text) {
  for (size_t i = text.find('\xC2'); i != text.npos; i = text.find('\xC2', i + 1)) {
    if (IsControl(text.substr(i), 2)) return true;
  }
  return false;
}

}  // namespace

std::string Quoted(std::string_view text) {
  const bool cut = text.size() > kShownMax;
  if (cut) {
    size_t size = kShownMax;
    while (size > 0 && IsContinuation(text[size])) --size;
    text = text.substr(0, size);
  }
  const bool is_plain = !FindInvalidUtf8(text).has_value() && !HasC1(text);
  const absl::string_view shown(text.data(), text.size());
  const std::string escaped = is_plain ? absl::Utf8SafeCEscape(shown) : absl::CHexEscape(shown);
  return absl::StrCat("\"", escaped, cut ? "\"..." : "\"");
}

}  // namespace sluice::core
