// The checks that need more than one value: names and addresses that must differ, or must exist.

#ifndef SLUICE_CONF_READER_VALIDATE_H_
#define SLUICE_CONF_READER_VALIDATE_H_

#include "conf/config.h"
#include "conf/reader/diagnostics.h"
#include "conf/reader/reader.h"

namespace sluice::conf {

// `config` may come from a file with errors: a name or an address that could not be read is empty
// here, and nothing is said about it again.
void Validate(const Config& config, const Positions& positions, Errors& errors);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_READER_VALIDATE_H_
