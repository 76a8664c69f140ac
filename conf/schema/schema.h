// The schema: every key of the configuration, with its field, its kind and its range.

#ifndef SLUICE_CONF_SCHEMA_SCHEMA_H_
#define SLUICE_CONF_SCHEMA_SCHEMA_H_

#include "conf/config.h"
#include "conf/schema/common.h"
#include "conf/schema/shape.h"

namespace sluice::conf {

// The shape of `config`, which must outlive it.
Map Describe(Config& config);

// The same without what is in `common`, which outlives it; `config` is one of both, or an empty
// one. All items of a list are in it; those in common say so (List::is_common).
Map DescribeDifferences(Config& config, const Common& common);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_SCHEMA_SCHEMA_H_
