// What can be wrong with the checks of an upstream, and with its agent, beside single values.
#ifndef SLUICE_CONF_READER_CHECK_HEALTH_H_
#define SLUICE_CONF_READER_CHECK_HEALTH_H_

#include "conf/config.h"
#include "conf/reader/diagnostics.h"
#include "conf/reader/reader.h"

namespace sluice::conf {

// A check that asks nothing although it is told how, that could reach no endpoint, or that has
// steps which do nothing; an agent without a port.
void CheckHealth(const Config& config, const Positions& positions, Errors& errors);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_READER_CHECK_HEALTH_H_
