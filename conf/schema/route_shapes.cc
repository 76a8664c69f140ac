#include "conf/schema/route_shapes.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/str_join.h"
#include "conf/schema/list_of.h"
#include "conf/schema/scalars.h"
#include "conf/text/text.h"
#include "core/net/host_name.h"

namespace sluice::conf {
namespace {

constexpr std::string_view kPatterns = "example.org or *.example.org (names below it)";
constexpr std::string_view kProtocols = "a protocol's name such as h2 (1 to 255 bytes)";

absl::Status WhyNoPattern(std::string_view text) {
  if (text == "*") {
    return InvalidArgument("\"*\" is no pattern: a route for every TLS client has protocol: tls");
  }
  if (text.find('*') != text.npos && !text.starts_with("*.")) {
    return InvalidArgument(
        Cat(Quoted(text), " has its asterisk in a place where it stands for nothing"));
  }
  return InvalidArgument(Cat(Quoted(text), " is not the name of a host"));
}

// "https://example.org:443/x" was meant as "example.org", and ".example.org" as "*.example.org".
Guesses GuessPattern(std::string_view text) {
  if (const size_t scheme = text.find("://"); scheme != text.npos) text.remove_prefix(scheme + 3);
  text = text.substr(0, text.find_first_of(":/"));
  Guesses guesses = {std::string(text)};
  if (text.starts_with('.')) guesses.push_back(Cat("*", text));
  return guesses;
}

Shape Pattern(std::string& field) {
  return Scalar{.allowed = std::string(kPatterns),
                .parse =
                    [&field](std::string_view text) {
                      std::string_view name = text;
                      if (name.starts_with("*.")) name.remove_prefix(2);
                      if (!core::IsHostName(name)) return WhyNoPattern(text);
                      field = text;
                      return absl::OkStatus();
                    },
                .format = [&field] { return field; },
                .guess = GuessPattern,
                .clear = [&field] { field.clear(); }};
}

Shape Offered(std::string& field) {
  constexpr size_t kMost = 255;
  return Scalar{.allowed = std::string(kProtocols),
                .parse =
                    [&field](std::string_view text) {
                      if (text.empty() || text.size() > kMost) {
                        return InvalidArgument(Cat(Quoted(text), " has ", text.size(), " bytes"));
                      }
                      field = text;
                      return absl::OkStatus();
                    },
                .format = [&field] { return field; },
                .clear = [&field] { field.clear(); }};
}

Scalar WhenNone(NoRoute& field) {
  return OneOf(field, {{"default", NoRoute::kDefault}, {"reject", NoRoute::kReject}});
}

Scalar Protocol(RouteProtocol& field) {
  return OneOf(field, {{"any", RouteProtocol::kAny},
                       {"tls", RouteProtocol::kTls},
                       {"ssh", RouteProtocol::kSsh},
                       {"http", RouteProtocol::kHttp},
                       {"postgres", RouteProtocol::kPostgres},
                       {"mqtt", RouteProtocol::kMqtt},
                       {"rdp", RouteProtocol::kRdp}});
}

// "*.example.org,example.org h2", "ssh".
std::string IdentityOf(Route& route) {
  std::vector<std::string> parts;
  if (!route.sni.empty()) parts.push_back(absl::StrJoin(route.sni, ","));
  if (!route.alpn.empty()) parts.push_back(absl::StrJoin(route.alpn, ","));
  if (route.protocol != RouteProtocol::kAny) parts.push_back(Protocol(route.protocol).format());
  return absl::StrJoin(parts, " ");
}

List NamesOf(std::string_view what, std::vector<std::string>& names, Shape (*shape)(std::string&)) {
  List list = OneOrListOf(what, names, shape);
  list.may_be_empty = true;
  return list;
}

Shape Of(Route& route) {
  const auto fields = [&route](Visitor& v) {
    v.Optional("sni", NamesOf(kPatterns, route.sni, Pattern));
    v.Optional("alpn", NamesOf(kProtocols, route.alpn, Offered));
    v.Optional("protocol", Protocol(route.protocol));
    v.Required("upstream", Name(route.upstream));
  };
  return Map{.fields = fields, .identity = [&route] { return IdentityOf(route); }};
}

}  // namespace

Shape ShapeOf(Preread& preread) {
  return Map{[&preread](Visitor& v) {
    v.Optional("timeout", Time(preread.timeout, 10ms, 1h));
    v.Optional("on_timeout", WhenNone(preread.on_timeout));
    v.Optional("not_tls", WhenNone(preread.not_tls));
  }};
}

List ShapeOf(std::vector<Route>& routes) {
  List list = ListOf("a route", routes, Of);
  list.may_be_empty = true;
  return list;
}

}  // namespace sluice::conf
