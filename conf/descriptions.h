// Descriptions: what each key of the configuration is for, in the words of conf/reference.yaml.
//
// Keys, ranges and defaults have one source, the schema; sentences have another one, the comments
// of the reference. People read that file as a whole and write new sentences there, next to the old
// ones; a copy beside each key of the schema would be a second text to keep. The binary has the
// reference in it, so `sluice schema` and the manual say what the file says.
//
// Checked by: tests/conf/reference_test.cc (both have the same keys, ranges and defaults),
// tests/conf/json_schema_test.cc (every key has a sentence).
#ifndef SLUICE_CONF_DESCRIPTIONS_H_
#define SLUICE_CONF_DESCRIPTIONS_H_

#include <map>
#include <string>
#include <string_view>

namespace sluice::conf {

class Descriptions {
 public:
  Descriptions();

  // Of a key as KnownKeys() has it: "limits.max_connections", "listeners[].name"; also of
  // "include". Sentences without what is allowed; "" if there are none. A key that listeners and
  // upstreams inherit has those of `defaults`, unless it has its own.
  std::string Of(const std::string& path) const;

  // Whether Of() answers with the sentences of a key of `defaults`.
  bool IsInherited(const std::string& path) const;

 private:
  std::string OwnOf(const std::string& path) const;

  std::map<std::string, std::string> own_;
};

// The text of conf/reference.yaml.
std::string_view ReferenceText();

}  // namespace sluice::conf

#endif  // SLUICE_CONF_DESCRIPTIONS_H_
