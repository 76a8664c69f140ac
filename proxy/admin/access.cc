#include "proxy/admin/access.h"

#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/net/address.h"
#include "core/text/json_escape.h"
#include "proxy/admin/page/page.h"

namespace sluice::proxy {
namespace {

bool Reads(std::string_view method) { return method == "GET" || method == "HEAD"; }
bool IsHealth(std::string_view path) { return path == "/healthz" || path == "/readyz"; }

bool IsSame(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase({a.data(), a.size()}, {b.data(), b.size()});
}

// "localhost", "127.0.0.1:9901", "[::1]". Another name may belong to a site that has made it lead
// here.
bool IsOfLoopback(std::string_view host) {
  std::string_view name = host;
  if (const size_t colon = host.rfind(':');
      colon != host.npos && host.find_first_not_of("0123456789", colon + 1) == host.npos) {
    name = host.substr(0, colon);
  }
  if (IsSame(name, "localhost")) return true;
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  const absl::StatusOr<core::Address> address = core::Address::ParseHost(name);
  return address.ok() && address->is_loopback();
}

std::optional<HttpResponse> SiteNotAllowed(const HttpRequest& request) {
  const bool is_other_site = !request.fetch_site.empty() && request.fetch_site != "none" &&
                             request.fetch_site != "same-origin";
  const bool has_origin = !request.origin.empty();
  const bool is_other_origin = has_origin && !IsSame(request.origin, "http://" + request.host);
  if (is_other_site || is_other_origin) {
    return ErrorResponse(403, "requests of other web pages are not allowed");
  }
  const bool is_browser = has_origin || !request.fetch_site.empty();
  if ((!request.peer.is_unix || is_browser) && !IsOfLoopback(request.host)) {
    return ErrorResponse(403, "the header Host has to name loopback: localhost or 127.0.0.1");
  }
  const std::string_view type =
      std::string_view(request.content_type).substr(0, request.content_type.find_first_of("; "));
  if (!type.empty() && !IsSame(type, "application/json")) {
    return ErrorResponse(415, "a body has to be application/json");
  }
  return std::nullopt;
}

std::optional<HttpResponse> TokenNotAllowed(const HttpRequest& request, std::string_view token) {
  constexpr std::string_view kScheme = "Bearer ";
  const std::string_view given = request.authorization;
  if (IsSame(given.substr(0, kScheme.size()), kScheme) &&
      IsSameSecret(given.substr(kScheme.size()), token)) {
    return std::nullopt;
  }
  HttpResponse response = ErrorResponse(
      401, given.empty() ? "a token is needed: Authorization: Bearer TOKEN" : "the token is wrong");
  response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"sluice\"");
  return response;
}

}  // namespace

bool IsSameSecret(std::string_view given, std::string_view secret) {
  volatile unsigned difference = given.size() == secret.size() && !secret.empty() ? 0 : 1;
  for (size_t i = 0; i < given.size(); ++i) {
    const char other = secret.empty() ? '\0' : secret[i % secret.size()];
    difference = difference | static_cast<unsigned>(static_cast<unsigned char>(given[i] ^ other));
  }
  return difference == 0;
}

HttpResponse ErrorResponse(int status, std::string_view message) {
  std::string escaped;
  core::AppendJsonEscaped(message, escaped);
  return {.status = status, .body = absl::StrCat("{\"error\":\"", escaped, "\"}\n")};
}

HttpResponse TooManyWait() { return ErrorResponse(503, "too many requests wait already"); }

std::optional<HttpResponse> NotAllowed(const HttpRequest& request, std::string_view path,
                                       const AccessRules& rules) {
  if (rules.door == Door::kProbes) {
    if (IsHealth(path) || path == "/metrics") return std::nullopt;
    return ErrorResponse(404, "only /healthz, /readyz and /metrics are at this address");
  }
  if (FindPageFile(path) != nullptr) return std::nullopt;
  if (std::optional<HttpResponse> error = SiteNotAllowed(request)) return error;
  if (IsHealth(path)) return std::nullopt;
  if (!rules.token.ok()) return ErrorResponse(500, std::string(rules.token.status().message()));
  if (!rules.token->empty()) return TokenNotAllowed(request, *rules.token);
  const HttpPeer& peer = request.peer;
  if (peer.is_unix && rules.is_abstract && peer.uid != 0 && peer.uid != rules.own_uid) {
    return ErrorResponse(403, "only root and the proxy's own user may use this socket");
  }
  if (peer.is_unix || Reads(request.method)) return std::nullopt;
  return ErrorResponse(403,
                       "without admin.token loopback may only read: set one, or use a UNIX socket");
}

}  // namespace sluice::proxy
