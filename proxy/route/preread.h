// Preread: decides where a client goes by what it sends first. Pure: bytes and events go in, the
// decision comes out; there is no descriptor and no clock here.
//
//               ┌─ more bytes ─┐
//               ▼              │     ┌──► ROUTE n   a route holds
//   Feed ──► UNDECIDED ────────┴─────┼──► DEFAULT   none does
//               │                    └──► REJECT    preread.not_tls or preread.on_timeout says so
//               │                          ▲
//               └─ OnTimeout, OnEnd ───────┘ (or DEFAULT)
//
// TLS is a ClientHello that can be read to its end. What is no TLS, or broken, and what ends before
// it could become any, is judged by preread.not_tls, unless a route of its protocol holds. A client
// that speaks TLS goes to the default upstream when no route holds.
//
// Checked by: tests/proxy/route/preread_test.cc, tests/fuzz/preread_fuzz.cc.
#ifndef SLUICE_PROXY_ROUTE_PREREAD_H_
#define SLUICE_PROXY_ROUTE_PREREAD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "conf/route.h"
#include "proxy/route/client_hello.h"
#include "proxy/route/first_bytes.h"
#include "proxy/route/route_table.h"

namespace sluice::proxy {

class Preread {
 public:
  struct Decision {
    enum class Kind : uint8_t { kMore, kRoute, kDefault, kReject };
    Kind kind = Kind::kMore;
    size_t route = 0;  // kRoute's

    friend bool operator==(const Decision&, const Decision&) = default;
  };

  // `wants_name`: whether the server's name is wanted although no route may ask for it. Both
  // references outlive it.
  Preread(const RouteTable& table, const conf::Preread& policy, bool wants_name);

  // Goes on with what follows the bytes before.
  Decision Feed(std::span<const std::byte> bytes);
  // The client sends no more.
  Decision OnEnd() const { return NoTls(); }
  // It has had its time.
  Decision OnTimeout() const { return Of(policy_.on_timeout); }

  // What is known so far.
  conf::RouteProtocol protocol() const { return protocol_; }  // kAny: nothing
  const ClientHello& hello() const { return hello_; }

 private:
  static Decision Of(conf::NoRoute no_route) {
    const bool rejects = no_route == conf::NoRoute::kReject;
    return {.kind = rejects ? Decision::Kind::kReject : Decision::Kind::kDefault};
  }
  static Decision Of(std::optional<size_t> route) {
    if (!route) return {.kind = Decision::Kind::kDefault};
    return {.kind = Decision::Kind::kRoute, .route = *route};
  }
  Decision NoTls() const { return Of(policy_.not_tls); }
  Decision Decide();

  const RouteTable& table_;
  const conf::Preread& policy_;
  ProtocolSet wanted_;
  conf::RouteProtocol protocol_ = conf::RouteProtocol::kAny;
  uint8_t first_size_ = 0;
  std::array<std::byte, kMostFirstBytes> first_ = {};
  ClientHello hello_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ROUTE_PREREAD_H_
