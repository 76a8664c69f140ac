// ReadProxyHeader: the header by which a balancer in front tells whose connection it passes on: the
// PROXY protocol, version 1 or 2 (proxy_header.h has the one that is sent).
//
//     bytes so far ──► signature?  not one of the two ─────────────────────────► kNoHeader
//                          │ a part of one, or the header's rest is to come ───► kNeedMore
//                          ▼
//                      header      breaks a rule ──────────────────────────────► kMalformed
//                          └─────────────────────────────────────────────────► kComplete, its size
//
// Incremental: called again with more bytes it reads them from the first one. It decides as soon as
// the bytes do, so that bytes of another protocol wait for nothing, and never takes what may be a
// header for something else: a header that has begun is complete or malformed.
//
// Version 1 is strict: one space between words, decimal numbers without leading zeros, addresses of
// the family that it names, a line of at most 107 bytes with its CRLF. Of version 2 all families
// are known; datagrams, which no connection here can be, are taken as unknown addresses, as other
// proxies do. What LOCAL has besides its length is not looked at. A TLV that is not known is
// skipped; a length that does not fit, a wrong checksum and a second checksum are errors. A whole
// header has at most kMaxProxyHeaderRead bytes: this is held while the rest of it is to come, and
// only for peers that are trusted.
//
// Pure; any thread. Checked by: tests/proxy/identity/proxy_header_in_test.cc,
// tests/fuzz/proxy_header_fuzz.cc.
#ifndef SLUICE_PROXY_IDENTITY_PROXY_HEADER_IN_H_
#define SLUICE_PROXY_IDENTITY_PROXY_HEADER_IN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/net/address.h"

namespace sluice::proxy {

inline constexpr size_t kMaxProxyHeaderRead = 4096;
inline constexpr size_t kMaxProxyLine = 107;  // of version 1, with its CRLF

// What the client and the balancer have agreed on by TLS.
struct ProxySsl {
  bool has_certificate = false;  // of the client, in this connection or in the session
  uint32_t verify = 0;           // 0: it has been verified
  std::string version = {};      // "TLSv1.3"
  std::string common_name = {};  // of that certificate
  std::string cipher = {};

  bool operator==(const ProxySsl&) const = default;
};

// Bytes as they came; empty: there is none.
struct ProxyTlvs {
  std::string alpn = {};
  std::string authority = {};
  std::string unique_id = {};
  std::string netns = {};
  std::string aws_vpce = {};  // the id of a VPC endpoint (PP2_TYPE_AWS)
  std::optional<uint32_t> azure_link = {};
  std::optional<ProxySsl> ssl = {};

  bool operator==(const ProxyTlvs&) const = default;
};

enum class ProxyHeaderSays : uint8_t {
  kAddresses,  // whose connection it is, and where it was made to
  kLocal,      // it is the balancer's own
  kUnknown,    // there are no addresses, or some that mean nothing here
};

struct ReceivedProxyHeader {
  ProxyHeaderSays says = ProxyHeaderSays::kUnknown;
  core::Address source = {};  // these two: of kAddresses
  core::Address destination = {};
  ProxyTlvs tlvs = {};

  bool operator==(const ReceivedProxyHeader&) const = default;
};

struct ProxyHeaderRead {
  enum class State : uint8_t { kNeedMore, kNoHeader, kMalformed, kComplete };
  State state = State::kNeedMore;
  bool has_begun = false;  // the whole signature is there
  size_t size = 0;         // of the header, when it is complete
  const char* why = "";    // malformed: "the checksum is wrong"
};

// `bytes`: of the stream, from its beginning. `header` is written when it is complete.
ProxyHeaderRead ReadProxyHeader(std::string_view bytes, ReceivedProxyHeader& header);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_IDENTITY_PROXY_HEADER_IN_H_
