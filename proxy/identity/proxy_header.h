// MakeProxyHeader: the header by which a server learns the client's address: the PROXY protocol
// (haproxy.org/download/2.6/doc/proxy-protocol.txt), version 1 or 2.
//
//     PROXY TCP4 192.0.2.7 10.0.0.1 51514 443\r\n                                    version 1
//     \r\n\r\n\0\r\nQUIT\n  command, family  length  addresses  TLVs                 version 2
//
// What version 1 has no words for is UNKNOWN there, and the server takes the connection's own
// addresses. Version 2 has words for UNIX sockets. IPv4 addresses written as IPv6 are sent as IPv4,
// unless only one of the two is one.
#ifndef SLUICE_PROXY_IDENTITY_PROXY_HEADER_H_
#define SLUICE_PROXY_IDENTITY_PROXY_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "conf/config.h"
#include "core/net/address.h"

namespace sluice::proxy {

// Of a connection that the proxy has accepted; an empty address is one that is not known.
struct ProxiedConnection {
  core::Address client = {};
  core::Address proxy = {};  // where the client has connected to
  // What TLVs say; empty: nothing. None of them is sent unless it is asked for.
  std::string_view alpn = {};
  std::string_view authority = {};
  std::string_view unique_id = {};
};

// `how.version` is not kOff.
std::string MakeProxyHeader(const conf::SendProxy& how, const ProxiedConnection& connection);

// Of a connection that the proxy makes for itself: a check.
std::string MakeLocalProxyHeader(const conf::SendProxy& how);

// How a header of version 2 begins.
inline constexpr std::string_view kProxySignature2("\r\n\r\n\0\r\nQUIT\n", 12);

// The cyclic redundancy check of Castagnoli (RFC 3720, B.4), as the TLV PP2_TYPE_CRC32C has it.
uint32_t Crc32c(std::string_view bytes);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_IDENTITY_PROXY_HEADER_H_
