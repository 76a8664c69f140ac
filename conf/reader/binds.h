// Addresses that cannot all be listened on.
#ifndef SLUICE_CONF_READER_BINDS_H_
#define SLUICE_CONF_READER_BINDS_H_

#include "conf/config.h"
#include "conf/reader/diagnostics.h"
#include "conf/reader/reader.h"

namespace sluice::conf {

// Of listeners and of the admin endpoint: an address that is there twice, one that is a part of
// another one ("127.0.0.1:80" of "0.0.0.0:80"), and one that its socket cannot have. For these
// bind(2) fails with SO_REUSEADDR, and without SO_REUSEPORT. Linear in their number.
void CheckBinds(const Config& config, const Positions& positions, Errors& errors);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_READER_BINDS_H_
