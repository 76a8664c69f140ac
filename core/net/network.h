// Network: an IP prefix, 10.0.0.0/8 or 2001:db8::/32: the addresses whose first bits are the same.
//
// A value. Bits after the prefix are 0. IPv4 addresses that are written as IPv6 (::ffff:1.2.3.4)
// are in IPv4 networks, never in IPv6 ones.
#ifndef SLUICE_CORE_NET_NETWORK_H_
#define SLUICE_CORE_NET_NETWORK_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/net/address.h"

namespace sluice::core {

// An IP address as a number whose highest bit is the first one of the address; the last 96 bits of
// an IPv4 address are 0.
using IpBits = unsigned __int128;
IpBits BitsOf(const Address& address);  // is_ip() only

class Network {
 public:
  Network() = default;  // in no family: it has no addresses

  // "10.0.0.0/8", or an address, which is a network of its own. Error: InvalidArgument, which
  // quotes `text` and says what is wrong with it.
  static absl::StatusOr<Network> Parse(std::string_view text);
  // The network of this prefix length that `host`, an IP address, is in; a length beyond the
  // family's is that.
  static Network Around(const Address& host, int length);
  static constexpr std::string_view kForms = "10.0.0.0/8, 1.2.3.4, 2001:db8::/32 or 2001:db8::1";

  std::string ToString() const;  // in the form that Parse takes; "" in no family

  int family() const { return family_; }  // AF_INET, AF_INET6 or AF_UNSPEC
  int length() const { return length_; }  // of the prefix, in bits
  IpBits first() const { return first_; }
  IpBits last() const;  // the bits after those of the family are 1, too

  bool Contains(const Address& address) const;

  bool operator==(const Network&) const = default;

 private:
  IpBits first_ = 0;
  int family_ = AF_UNSPEC;
  int length_ = 0;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_NET_NETWORK_H_
