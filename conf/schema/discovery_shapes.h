// The Shapes of what endpoints are discovered with; a part of the schema (schema.h).
#ifndef SLUICE_CONF_SCHEMA_DISCOVERY_SHAPES_H_
#define SLUICE_CONF_SCHEMA_DISCOVERY_SHAPES_H_

#include "conf/config.h"
#include "conf/schema/shape.h"

namespace sluice::conf {

Shape ShapeOf(Dns& dns);
Shape ShapeOf(Discover& discover);

// An endpoint in a list that is discovered (conf/endpoint_list.h).
Map ShapeOfListed(Endpoint& endpoint);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_SCHEMA_DISCOVERY_SHAPES_H_
