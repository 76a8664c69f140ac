// What keys do in every view: choose another row, and write a line. Pure.
#ifndef SLUICE_PROXY_TOP_KEYS_H_
#define SLUICE_PROXY_TOP_KEYS_H_

#include <cstddef>
#include <optional>
#include <string>

#include "proxy/top/screen.h"

namespace sluice::proxy {

// Where the key leads from row `index`, `page` rows being seen at once; it may be behind the last
// one. Nothing: it is no key that chooses.
std::optional<size_t> MovedBy(TopKey key, size_t index, size_t page);

// Changes the line that is being written, unless it is as long as one may be.
void TypeInto(std::string& typed, TopKey key);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_TOP_KEYS_H_
