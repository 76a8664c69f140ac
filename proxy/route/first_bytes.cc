#include "proxy/route/first_bytes.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "core/base/check.h"
#include "proxy/route/client_hello.h"

namespace sluice::proxy {
namespace {

using conf::RouteProtocol;
using std::string_view_literals::operator""sv;

// Those of HTTP, WebDAV and CalDAV, and the beginning of HTTP/2.
constexpr auto kMethods = std::to_array<std::string_view>(
    {"GET ",   "HEAD ",  "POST ",        "PUT ",      "DELETE ",    "CONNECT ",   "OPTIONS ",
     "TRACE ", "PATCH ", "PRI * HTTP/2", "PROPFIND ", "PROPPATCH ", "MKCOL ",     "COPY ",
     "MOVE ",  "LOCK ",  "UNLOCK ",      "SEARCH ",   "REPORT ",    "MKCALENDAR "});

constexpr std::byte kTlsHandshake{22};  // the type of a record

std::string_view TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Fit FitOfPrefix(std::string_view first, std::string_view prefix) {
  if (first.starts_with(prefix)) return Fit::kYes;
  return prefix.starts_with(first) ? Fit::kMaybe : Fit::kNo;
}

uint32_t NumberAt(std::string_view first, size_t at, size_t size) {
  uint32_t number = 0;
  for (const char c : first.substr(at, size)) number = number << 8 | static_cast<uint8_t>(c);
  return number;
}

Fit FitOfTls(std::span<const std::byte> first) {
  ClientHello hello;
  switch (hello.Feed(first.first(std::min(first.size(), kMostFirstBytes)))) {
    case ClientHello::State::kNotTls:
      return Fit::kNo;
    case ClientHello::State::kMore: {
      constexpr size_t kWithType = 6;  // what follows is a ClientHello, or a broken one
      const bool is_record = first.size() >= kWithType && first[0] == kTlsHandshake;
      return is_record ? Fit::kYes : Fit::kMaybe;  // SSL 2 takes all its lengths
    }
    default:
      return Fit::kYes;
  }
}

Fit FitOfHttp(std::string_view first) {
  Fit best = Fit::kNo;
  for (const std::string_view method : kMethods) best = std::max(best, FitOfPrefix(first, method));
  return best;
}

// length(4) code(4): of a start, or of what is asked for before it. (protocol-message-formats)
Fit FitOfPostgres(std::string_view first) {
  constexpr uint32_t kLongest = 10000;  // of a start
  constexpr uint32_t kCancelRequest = 80877102;
  constexpr uint32_t kSslRequest = 80877103;
  constexpr uint32_t kGssRequest = 80877104;
  constexpr uint32_t kShortest = 8;
  if (first.size() < 4) {
    const bool may_be = std::ranges::all_of(first.substr(0, 2), [](char c) { return c == '\0'; });
    return may_be ? Fit::kMaybe : Fit::kNo;
  }
  const uint32_t length = NumberAt(first, 0, 4);
  if (length < kShortest || length > kLongest) return Fit::kNo;
  if (first.size() < 8) {
    const bool is_start = "\0\3"sv.starts_with(first.substr(4, 2));
    const bool is_request = "\x04\xD2\x16"sv.starts_with(first.substr(4, 3));
    return is_start || is_request ? Fit::kMaybe : Fit::kNo;
  }
  switch (const uint32_t code = NumberAt(first, 4, 4)) {
    case kSslRequest:
    case kGssRequest:
      return length == kShortest ? Fit::kYes : Fit::kNo;
    case kCancelRequest:
      return length >= 16 ? Fit::kYes : Fit::kNo;
    default:
      return code >> 16 == 3 && length > kShortest ? Fit::kYes : Fit::kNo;
  }
}

// 10, the length of what follows in 1 to 4 bytes, and the protocol's name with its length.
Fit FitOfMqtt(std::string_view first) {
  if (!first.empty() && first[0] != '\x10') return Fit::kNo;
  size_t at = 1;
  for (; at < first.size() && (static_cast<uint8_t>(first[at]) & 0x80) != 0; ++at) {
    if (at == 4) return Fit::kNo;
  }
  const std::string_view name = first.substr(std::min(at + 1, first.size()));
  return std::max(FitOfPrefix(name, "\0\4MQTT"sv), FitOfPrefix(name, "\0\6MQIsdp"sv));
}

// TPKT: 03 00 length(2); X.224: length E0, which asks for a connection. (RFC 1006, [MS-RDPBCGR])
Fit FitOfRdp(std::string_view first) {
  constexpr uint32_t kShortest = 11;
  constexpr size_t kWhole = 6;
  if (!"\3\0"sv.starts_with(first.substr(0, 2))) return Fit::kNo;
  if (first.size() >= 4 && NumberAt(first, 2, 2) < kShortest) return Fit::kNo;
  if (first.size() >= 5 && NumberAt(first, 4, 1) + 5 != NumberAt(first, 2, 2)) return Fit::kNo;
  if (first.size() < kWhole) return Fit::kMaybe;
  return first[5] == '\xE0' ? Fit::kYes : Fit::kNo;
}

}  // namespace

Fit FitOf(RouteProtocol protocol, std::span<const std::byte> first) {
  switch (protocol) {
    case RouteProtocol::kTls:
      return FitOfTls(first);
    case RouteProtocol::kSsh:
      return FitOfPrefix(TextOf(first), "SSH-");
    case RouteProtocol::kHttp:
      return FitOfHttp(TextOf(first));
    case RouteProtocol::kPostgres:
      return FitOfPostgres(TextOf(first));
    case RouteProtocol::kMqtt:
      return FitOfMqtt(TextOf(first));
    case RouteProtocol::kRdp:
      return FitOfRdp(TextOf(first));
    case RouteProtocol::kAny:
      break;
  }
  SLUICE_CHECK(false);
}

FirstBytes LookAtFirstBytes(ProtocolSet wanted, std::span<const std::byte> first) {
  FirstBytes found;
  for (size_t i = 1; i < conf::kRouteProtocolCount; ++i) {
    const auto protocol = static_cast<RouteProtocol>(i);
    if (!wanted.has(protocol)) continue;
    const Fit fit = FitOf(protocol, first);
    if (fit == Fit::kYes) return {.fit = fit, .protocol = protocol};
    found.fit = std::max(found.fit, fit);
  }
  return found;
}

}  // namespace sluice::proxy
