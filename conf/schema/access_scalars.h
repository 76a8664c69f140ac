// The Scalars of access lists and of trust: networks, and the files that have more of them.
//
// They have no default: nothing stands for no network, and nothing for no file.
#ifndef SLUICE_CONF_SCHEMA_ACCESS_SCALARS_H_
#define SLUICE_CONF_SCHEMA_ACCESS_SCALARS_H_

#include <string>

#include "conf/access.h"
#include "conf/schema/shape.h"
#include "core/net/address.h"
#include "core/net/network.h"

namespace sluice::conf {

Scalar NetworkOf(core::Network& field);
Scalar TrustedPeerOf(TrustedPeer& field);  // "unix", or a network
Scalar RequiredPath(std::string& field);

// An address without a port, "" for the kernel's choice, or the word "client", for which
// `is_client` is set instead.
Scalar SourceHostOrEmpty(core::Address& field, bool& is_client);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_SCHEMA_ACCESS_SCALARS_H_
