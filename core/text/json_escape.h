// AppendJsonEscaped: text as the inside of a JSON string (RFC 8259, section 7).
//
// Control characters (C0, DEL and C1) become \u00XX; a byte that belongs to no UTF-8 character
// becomes U+FFFD, so that the JSON is valid whatever the bytes are. Any thread.
#ifndef SLUICE_CORE_TEXT_JSON_ESCAPE_H_
#define SLUICE_CORE_TEXT_JSON_ESCAPE_H_

#include <string>
#include <string_view>

namespace sluice::core {

void AppendJsonEscaped(std::string_view text, std::string& out);

}  // namespace sluice::core

#endif  // SLUICE_CORE_TEXT_JSON_ESCAPE_H_
