// The schema: every key of the configuration, with its field, its kind and its range.

#ifndef SLUICE_CONF_SCHEMA_SCHEMA_H_
#define SLUICE_CONF_SCHEMA_SCHEMA_H_

#include "conf/config.h"
#include "conf/schema/shape.h"

namespace sluice::conf {

// The shape of `config`, which must outlive it.
Map Describe(Config& config);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_SCHEMA_SCHEMA_H_
