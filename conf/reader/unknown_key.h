// What to say of a key that the schema does not have where it stands.

#ifndef SLUICE_CONF_READER_UNKNOWN_KEY_H_
#define SLUICE_CONF_READER_UNKNOWN_KEY_H_

#include <string>
#include <string_view>
#include <vector>

#include "conf/reader/diagnostics.h"

namespace sluice::conf {

// A sentence. `path`: of the mapping that has the key; `known`: the keys that it may have.
std::string DescribeUnknownKey(std::string_view key, std::string_view path,
                               const std::vector<std::string>& known, Errors& errors);

// Whether the schema has a key of this name anywhere.
bool IsKeySomewhere(std::string_view name);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_READER_UNKNOWN_KEY_H_
