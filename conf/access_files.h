// ReadAccessFiles: reads the files that access lists name.
//
//     # one network a line
//     allow 10.0.0.0/8
//     deny  192.0.2.1        # and so on
//
// Paths are relative to the configuration's file that names them. A file that cannot be read, or
// that has a line of another form, is an error, and so is an empty one: it would let in every
// client, and may have been cut short. One that is meant to has a comment.
#ifndef SLUICE_CONF_ACCESS_FILES_H_
#define SLUICE_CONF_ACCESS_FILES_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"
#include "conf/reader/diagnostics.h"
#include "conf/reader/reader.h"
#include "conf/sources.h"

namespace sluice::conf {

// Of one file; 100,000 networks take about 2 MB.
inline constexpr size_t kMaxAccessFileBytes = size_t{64} << 20;

// The rules of a text, in order, and what is wrong with it, by its places.
std::vector<AccessRule> ParseAccessRules(std::string_view text, Errors& errors);

// Fills in AccessFile::rules and AccessFile::place everywhere in `config`. A file that is named
// several times is read once.
void ReadAccessFiles(Config& config, const Positions& positions, Errors& errors, Sources& sources);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_ACCESS_FILES_H_
