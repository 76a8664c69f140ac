// Loads a configuration from a file or a string: parse, read, validate, look for what cannot be
// meant.
//
// Never throws and never stops at the first error, unless the text is not YAML at all. `config` is
// to be used only if ok(). A file that cannot be read is an error without a place (kWholeFile).
// A file may include others (include.h), a string may not.

#ifndef SLUICE_CONF_LOAD_H_
#define SLUICE_CONF_LOAD_H_

#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"
#include "conf/reader/diagnostics.h"
#include "conf/sources.h"
#include "conf/text/env.h"

namespace sluice::conf {

struct LoadResult {
  Config config;
  std::vector<Error> errors;    // by position
  std::vector<Error> warnings;  // by position; none if there are errors
  Sources sources;              // as far as it came

  bool ok() const { return errors.empty(); }
};

// Reads pipes too. Errors name the file as `path` does.
LoadResult LoadFile(const std::string& path, const Env& env);

LoadResult LoadString(std::string_view text, std::string_view filename, const Env& env);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_LOAD_H_
