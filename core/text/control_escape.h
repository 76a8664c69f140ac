// AppendControlEscaped: text for one line of a log, whatever its bytes are.
//
// Control characters (C0, DEL and C1) and bytes that belong to no UTF-8 character become \xNN, byte
// by byte: neither a line break nor a terminal's escape sequence is left. Everything else, a
// backslash too, stays. Any thread.
#ifndef SLUICE_CORE_TEXT_CONTROL_ESCAPE_H_
#define SLUICE_CORE_TEXT_CONTROL_ESCAPE_H_

#include <string>
#include <string_view>

namespace sluice::core {

void AppendControlEscaped(std::string_view text, std::string& out);

}  // namespace sluice::core

#endif  // SLUICE_CORE_TEXT_CONTROL_ESCAPE_H_
