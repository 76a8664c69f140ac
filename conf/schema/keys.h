// The names of the keys and what is allowed for them, as the schema has it.

#ifndef SLUICE_CONF_SCHEMA_KEYS_H_
#define SLUICE_CONF_SCHEMA_KEYS_H_

#include <functional>
#include <string>
#include <vector>

#include "conf/schema/shape.h"

namespace sluice::conf {

// Calls `look` with the path of every key of the configuration, in the order of the schema, each
// before the ones below it.
using LookAtKey =
    std::function<void(const std::string& path, const Shape& shape, Presence presence)>;
void ForEachKey(const LookAtKey& look);

// The path of every key, in the order of the schema: "limits", "limits.max_connections", ...,
// "listeners[].timeouts.idle", ....
std::vector<std::string> KnownKeys();

// The keys directly in `map`.
std::vector<std::string> KeysOf(const Map& map);

// What may stand where `shape` is, in words.
std::string AllowedFor(const Shape& shape);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_SCHEMA_KEYS_H_
