// What can be wrong with the routes of listeners, each by itself and one beside the other.
#ifndef SLUICE_CONF_READER_ROUTES_H_
#define SLUICE_CONF_READER_ROUTES_H_

#include "conf/config.h"
#include "conf/reader/diagnostics.h"
#include "conf/reader/reader.h"

namespace sluice::conf {

// Whether something asks for the first bytes of the listener's clients: routes, or a hash by the
// name of the server.
bool WaitsForBytes(const Config& config, const Listener& listener);

// Routes that no client could take.
void CheckRoutes(const Config& config, const Positions& positions, Errors& errors);

// Routes, and names in them, that others before them always take; and waiting for nothing.
void WarnOfRoutes(const Config& config, const Positions& positions, Errors& warnings);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_READER_ROUTES_H_
