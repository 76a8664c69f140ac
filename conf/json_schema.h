// The configuration as a JSON Schema (draft 7), for editors and validators.
//
// Made by a walk over the schema, so a new key is in it as soon as the loader takes it. It accepts
// every file that the loader accepts, and rejects what can be said of one value by itself: unknown
// and missing keys, types, words, ranges of counts, forms of times, sizes and addresses. What it
// cannot say (names that refer to others, ranges of times) is for `sluice --check`.
//
// Checked by: tests/conf/json_schema_test.cc, tests/conf/test_json_schema.py.
#ifndef SLUICE_CONF_JSON_SCHEMA_H_
#define SLUICE_CONF_JSON_SCHEMA_H_

#include <string>

namespace sluice::conf {

std::string JsonSchema();

}  // namespace sluice::conf

#endif  // SLUICE_CONF_JSON_SCHEMA_H_
