// The Shapes of routes and of what they wait for; a part of the schema (schema.h).
#ifndef SLUICE_CONF_SCHEMA_ROUTE_SHAPES_H_
#define SLUICE_CONF_SCHEMA_ROUTE_SHAPES_H_

#include <vector>

#include "conf/config.h"
#include "conf/schema/shape.h"

namespace sluice::conf {

Shape ShapeOf(Preread& preread);
List ShapeOf(std::vector<Route>& routes);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_SCHEMA_ROUTE_SHAPES_H_
