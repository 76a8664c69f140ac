// Quoted: a value as messages show it, in double quotes.
//
// What a terminal would obey, and bytes that are not UTF-8, are escaped; a long text is cut. Any
// thread.
#ifndef SLUICE_CORE_TEXT_QUOTED_H_
#define SLUICE_CORE_TEXT_QUOTED_H_

#include <string>
#include <string_view>

namespace sluice::core {

std::string Quoted(std::string_view text);

}  // namespace sluice::core

#endif  // SLUICE_CORE_TEXT_QUOTED_H_
