// What the schema says of how endpoints are looked after: checks, agents, what sessions meet.
#ifndef SLUICE_CONF_SCHEMA_HEALTH_H_
#define SLUICE_CONF_SCHEMA_HEALTH_H_

#include "conf/config.h"
#include "conf/schema/shape.h"

namespace sluice::conf {

Shape Of(Health& health);
Shape Of(Agent& agent);
Shape Of(PassiveHealth& passive);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_SCHEMA_HEALTH_H_
