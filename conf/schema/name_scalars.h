// The Scalars of names that are resolved, and of who resolves them.
#ifndef SLUICE_CONF_SCHEMA_NAME_SCALARS_H_
#define SLUICE_CONF_SCHEMA_NAME_SCALARS_H_

#include <string>
#include <string_view>

#include "conf/config.h"
#include "conf/schema/shape.h"

namespace sluice::conf {

// An address, or the name of hosts and a port: sets either of the two.
Scalar EndpointAddressOrName(Endpoint& endpoint);

Scalar HostNameOrEmpty(std::string& field);  // "": none

inline constexpr std::string_view kNameServerForms = "an IP address, with a port if it is not 53";
Scalar NameServer(core::Address& field);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_SCHEMA_NAME_SCALARS_H_
