// Reads a tree of nodes into a Config, as the schema says; knows no key by name.
//
// Finds unknown, duplicate and missing keys, wrong types, empty lists, unset environment variables,
// and values that their Scalar rejects: all of them, in one walk. The field of a wrong value keeps
// its default, or has the value that the message suggests.
//
// Merges (`<<: *name`) are applied on the way. Keys of the root that begin with "x-" hold anchors
// and are not looked at.

#ifndef SLUICE_CONF_READER_READER_H_
#define SLUICE_CONF_READER_READER_H_

#include <map>
#include <string>
#include <string_view>

#include "conf/config.h"
#include "conf/reader/diagnostics.h"
#include "conf/reader/yaml.h"
#include "conf/text/env.h"

namespace sluice::conf {

// Where the value of each key that the file has stands: "listeners[0].bind[1]".
class Positions {
 public:
  void Set(const std::string& path, Position at) { positions_.emplace(path, at); }

  // Of the path, or of the innermost recorded one around it.
  Position At(std::string_view path) const;

  const std::map<std::string, Position>& all() const { return positions_; }

 private:
  std::map<std::string, Position> positions_;
};

void ReadConfig(const Node& root, const Env& env, Config& config, Positions& positions,
                Errors& errors);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_READER_READER_H_
