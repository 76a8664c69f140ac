// What a configuration may say and surely does not mean. The process starts all the same: --check
// prints these and exits with 0, a start logs them.
//
// To add one: a function in warnings.cc, called by Warn.

#ifndef SLUICE_CONF_READER_WARNINGS_H_
#define SLUICE_CONF_READER_WARNINGS_H_

#include "conf/config.h"
#include "conf/reader/diagnostics.h"
#include "conf/reader/reader.h"

namespace sluice::conf {

// `config` has been validated.
void Warn(const Config& config, const Positions& positions, Errors& warnings);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_READER_WARNINGS_H_
