// Where a client goes, by whatever it sends first: the decision does not depend on how the bytes
// are split, it stands once it is made, and no two protocols begin in the same way.
#include <algorithm>
#include <string>
#include <vector>

#include "proxy/route/preread.h"
#include "tests/fuzz/target.h"
#include "tests/proxy/route/hello_maker.h"

namespace sluice::fuzz {
namespace {

using conf::RouteProtocol;
using proxy::Fit;
using proxy::Preread;
using Kind = Preread::Decision::Kind;

enum Mistake : size_t { kNone, kSkipsAByte, kForgetsAByte, kTakesPrefixes };

const std::vector<conf::Route>& Routes() {
  static const std::vector<conf::Route> routes = {
      {.sni = {"a.b", "*.example.org"}, .alpn = {}, .upstream = "u"},
      {.sni = {}, .alpn = {}, .protocol = RouteProtocol::kSsh, .upstream = "u"},
      {.sni = {}, .alpn = {}, .protocol = RouteProtocol::kHttp, .upstream = "u"},
      {.sni = {}, .alpn = {}, .protocol = RouteProtocol::kPostgres, .upstream = "u"},
      {.sni = {}, .alpn = {}, .protocol = RouteProtocol::kMqtt, .upstream = "u"},
      {.sni = {}, .alpn = {}, .protocol = RouteProtocol::kRdp, .upstream = "u"},
      {.sni = {}, .alpn = {"h2"}, .upstream = "u"}};
  return routes;
}

// Which protocols `first` may be the beginning of, without looking into any of them for long.
bool MayBegin(RouteProtocol protocol, std::string_view first, size_t mistake) {
  if (first.empty()) return true;
  const char c = mistake == kTakesPrefixes && first.size() > 1 ? first[1] : first[0];
  switch (protocol) {
    case RouteProtocol::kTls:
      return c == '\x16' || static_cast<uint8_t>(c) >= 0x80;
    case RouteProtocol::kSsh:
      return c == 'S';
    case RouteProtocol::kHttp:
      return c >= 'A' && c <= 'Z';
    case RouteProtocol::kPostgres:
      return c == '\0';
    case RouteProtocol::kMqtt:
      return c == '\x10';
    case RouteProtocol::kRdp:
      return c == '\x03';
    case RouteProtocol::kAny:
      return false;
  }
  return false;
}

void CheckProtocols(std::string_view bytes, size_t mistake) {
  int fits = 0;
  for (size_t i = 1; i < conf::kRouteProtocolCount; ++i) {
    const auto protocol = static_cast<RouteProtocol>(i);
    const Fit fit = proxy::FitOf(protocol, proxy::BytesOf(bytes));
    fits += fit == Fit::kYes ? 1 : 0;
    Expect(fit == Fit::kNo || MayBegin(protocol, bytes, mistake), "no other bytes fit", bytes);
    Expect(fit != Fit::kMaybe || bytes.size() < proxy::kMostFirstBytes, "it is decided", bytes);
    if (fit == Fit::kMaybe) continue;
    const std::string more = std::string(bytes) + "more";
    Expect(proxy::FitOf(protocol, proxy::BytesOf(more)) == fit, "it stays decided", bytes);
  }
  Expect(fits <= 1, "it is one protocol at most", bytes);
}

void Check(std::string_view input, size_t mistake) {
  static const proxy::RouteTable table(Routes());
  const conf::Preread policy = {.not_tls = conf::NoRoute::kReject};
  if (input.empty()) return;
  const auto piece = static_cast<size_t>(static_cast<uint8_t>(input[0]) % 16 + 1);
  const std::string_view bytes = input.substr(1);
  for (size_t size = 0; size <= std::min<size_t>(bytes.size(), 20); ++size) {
    CheckProtocols(bytes.substr(0, size), mistake);
  }
  Preread whole(table, policy, /*wants_name=*/false);
  const Preread::Decision expected = whole.Feed(proxy::BytesOf(bytes));
  Preread split(table, policy, /*wants_name=*/false);
  Preread::Decision decision;
  std::string_view rest =
      bytes.substr(std::min<size_t>(mistake == kSkipsAByte ? 1 : 0, bytes.size()));
  for (; !rest.empty() && decision.kind == Kind::kMore;
       rest.remove_prefix(std::min(piece, rest.size()))) {
    const size_t size = std::min(piece, rest.size());
    decision = split.Feed(
        proxy::BytesOf(rest.substr(0, mistake == kForgetsAByte && size > 1 ? size - 1 : size)));
  }
  if (bytes.empty()) return;
  Expect(decision == expected, "the same decision in pieces", bytes);
  Expect(decision.kind != Kind::kRoute || decision.route < Routes().size(), "it is a route");
}

}  // namespace

const Target& TheTarget() {
  using std::string_literals::operator""s;
  static const Target target = {
      .name = "preread",
      .run = Check,
      .mistakes = {"a byte is skipped", "the last byte of a piece is lost",
                   "the second byte is taken for the first"},
      .words = {"SSH-2.0-x\r\n"s, "GET / HTTP/1.1\r\n"s, "PRI * HTTP/2.0\r\n"s,
                "\0\0\0\x08\x04\xD2\x16\x2F"s, "\0\0\0\x10\0\3\0\0user\0x\0\0"s,
                "\x10\x0C\0\4MQTT\4\2\0\x3C"s, "\3\0\0\x0B\6\xE0\0\0\0\0\0"s, "\x80\x2E\1\3\1"s,
                proxy::MakeSsl2Hello(), proxy::MakeHello("a.b"), proxy::MakeHello("x", {"h2"}),
                "\0"s, "A"s, "\x80"s, "\xFF"s},
      .random_inputs = 20000,
      .max_size = 600};
  return target;
}

}  // namespace sluice::fuzz
