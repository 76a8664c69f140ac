// IsLocalHost: whether connections to an address stay on this host.
#ifndef SLUICE_CORE_NET_LOCAL_HOSTS_H_
#define SLUICE_CORE_NET_LOCAL_HOSTS_H_

#include "core/net/address.h"

namespace sluice::core {

// Loopback and unspecified addresses, those of interfaces, and those that a local route names; IPv4
// also when it is written as IPv6. As it is now: addresses come and go. False if it cannot be told.
bool IsLocalHost(const Address& address);

}  // namespace sluice::core

#endif  // SLUICE_CORE_NET_LOCAL_HOSTS_H_
