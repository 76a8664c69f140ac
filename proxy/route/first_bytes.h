// FirstBytes: which protocol a client speaks, by the first bytes that it sends.
//
//   tls       16 03 … 01, or the hello of SSL 2       postgres  length, then 3.x or a request of
//   ssh       "SSH-"                                            its own (SSL, GSSENC, Cancel)
//   http      a method and a space                    mqtt      10 length "MQTT" or "MQIsdp"
//                                                     rdp       03 00 length … E0 (TPKT, X.224)
//
// Only what is asked for is looked for: bytes that can be none of these decide at once, however few
// they are. No two of them begin in the same way. Pure functions; all of them together look at no
// more than kMostFirstBytes.
//
// Checked by: tests/proxy/route/first_bytes_test.cc, tests/fuzz/preread_fuzz.cc.
#ifndef SLUICE_PROXY_ROUTE_FIRST_BYTES_H_
#define SLUICE_PROXY_ROUTE_FIRST_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "conf/route.h"

namespace sluice::proxy {

// Of these the last one may be the one that decides.
inline constexpr size_t kMostFirstBytes = 18;

// Protocols, as a bit for each.
class ProtocolSet {
 public:
  constexpr ProtocolSet() = default;
  constexpr void Add(conf::RouteProtocol protocol) { bits_ |= 1U << static_cast<int>(protocol); }
  constexpr bool has(conf::RouteProtocol protocol) const {
    return (bits_ >> static_cast<int>(protocol) & 1U) != 0;
  }

 private:
  uint32_t bits_ = 0;
};

enum class Fit : uint8_t { kNo, kMaybe, kYes };  // kMaybe: more bytes are needed

// Whether what begins with `first` is `protocol`, which is not kAny.
Fit FitOf(conf::RouteProtocol protocol, std::span<const std::byte> first);

struct FirstBytes {
  Fit fit = Fit::kNo;                                        // kNo: it is none of the wanted ones
  conf::RouteProtocol protocol = conf::RouteProtocol::kAny;  // kYes: which one
};

FirstBytes LookAtFirstBytes(ProtocolSet wanted, std::span<const std::byte> first);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ROUTE_FIRST_BYTES_H_
