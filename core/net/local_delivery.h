// LocalDelivery: whether packets to addresses that are not this host's are delivered on it, which a
// connection whose source is the address of another host needs for the way back:
//
//     ip rule add iif eth1 lookup 100 ──► table 100: local 0.0.0.0/0 dev lo ──► the socket
//
// Asks the kernel by rtnetlink(7); it takes a moment, and is for the start and a reload.
#ifndef SLUICE_CORE_NET_LOCAL_DELIVERY_H_
#define SLUICE_CORE_NET_LOCAL_DELIVERY_H_

#include <cstdint>
#include <string>

#include "core/base/result.h"
#include "core/net/address.h"

namespace sluice::core {

struct LocalDelivery {
  uint32_t table = 0;     // that delivers everything here; 0: there is none
  bool is_asked = false;  // a rule leads to it, or to another such table

  bool operator==(const LocalDelivery&) const = default;
};

// `family`: AF_INET or AF_INET6.
IoResult<LocalDelivery> FindLocalDelivery(int family);

// Whether this process may give sockets of the family an address that is not this host's: 0, or the
// error, EPERM above all.
int MayBeTransparent(int family);

// The device by which this host reaches `address`; "": it does not.
std::string DeviceTo(const Address& address);

}  // namespace sluice::core

#endif  // SLUICE_CORE_NET_LOCAL_DELIVERY_H_
