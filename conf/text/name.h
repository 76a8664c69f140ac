// What a listener, an upstream or an endpoint may be called.
#ifndef SLUICE_CONF_TEXT_NAME_H_
#define SLUICE_CONF_TEXT_NAME_H_

#include <string_view>

namespace sluice::conf {

// For messages: what IsName asks for.
inline constexpr std::string_view kNameForm =
    "1 to 63 of a-z A-Z 0-9 _ - ., the first a letter or digit";

bool IsName(std::string_view text);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_TEXT_NAME_H_
