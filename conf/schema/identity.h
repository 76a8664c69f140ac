// The schema of what tells clients apart: access lists, and the headers of the PROXY protocol by
// which balancers tell of them, and servers are told.
#ifndef SLUICE_CONF_SCHEMA_IDENTITY_H_
#define SLUICE_CONF_SCHEMA_IDENTITY_H_

#include "conf/config.h"
#include "conf/schema/shape.h"

namespace sluice::conf {

Shape Of(Access& access);
Shape Of(ProxyProtocol& proxy_protocol);
Shape Of(SendProxy& send_proxy);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_SCHEMA_IDENTITY_H_
