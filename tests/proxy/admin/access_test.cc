// Which request may do what, at which door, with and without a token.

#include "proxy/admin/access.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"

namespace sluice::proxy {
namespace {

HttpRequest FromUnix(std::string method = "GET") {
  HttpRequest request;
  request.peer = {.is_unix = true, .uid = 1000, .name = "uid 1000, pid 1"};
  request.method = std::move(method);
  request.host = "localhost";
  return request;
}

HttpRequest FromLoopback(std::string method = "GET", std::string authorization = "") {
  HttpRequest request = FromUnix(std::move(method));
  request.peer = {.is_unix = false, .uid = 0, .name = "127.0.0.1:5"};
  request.host = "127.0.0.1:9901";
  request.authorization = std::move(authorization);
  return request;
}

// 200: it may.
int StatusOf(const HttpRequest& request, std::string_view path, const AccessRules& rules = {}) {
  const std::optional<HttpResponse> error = NotAllowed(request, path, rules);
  return error ? error->status : 200;
}

constexpr std::string_view kInfo = "/api/v1/info";
constexpr std::string_view kReload = "/api/v1/reload";

TEST(Access, WithoutATokenAUnixSocketMayDoAllAndLoopbackMayRead) {
  EXPECT_EQ(StatusOf(FromUnix(), kInfo), 200);
  EXPECT_EQ(StatusOf(FromUnix("POST"), kReload), 200);
  EXPECT_EQ(StatusOf(FromLoopback(), kInfo), 200);
  EXPECT_EQ(StatusOf(FromLoopback("HEAD"), kInfo), 200);
  for (const char* const method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get"}) {
    EXPECT_EQ(StatusOf(FromLoopback(method), kReload), 403) << method;
  }
}

TEST(Access, WithATokenEverythingButHealthNeedsIt) {
  const AccessRules rules = {.token = "s3cret"};
  for (const std::string_view path : {"/healthz", "/readyz"}) {
    EXPECT_EQ(StatusOf(FromLoopback(), path, rules), 200);
    EXPECT_EQ(StatusOf(FromUnix(), path, rules), 200);
  }
  for (const std::string_view path : {kInfo, std::string_view("/metrics")}) {
    EXPECT_EQ(StatusOf(FromLoopback(), path, rules), 401);
    EXPECT_EQ(StatusOf(FromUnix(), path, rules), 401);
    EXPECT_EQ(StatusOf(FromLoopback("GET", "Bearer s3cret"), path, rules), 200);
    EXPECT_EQ(StatusOf(FromLoopback("GET", "bearer s3cret"), path, rules), 200);
    EXPECT_EQ(StatusOf(FromLoopback("POST", "Bearer s3cret"), path, rules), 200);
  }
  for (const char* const wrong : {"Bearer s3cre", "Bearer s3cret2", "Bearer ", "Basic s3cret",
                                  "s3cret", "Bearer S3CRET", "Bearer s3crets3cret"}) {
    EXPECT_EQ(StatusOf(FromLoopback("GET", wrong), kInfo, rules), 401) << wrong;
  }
  const std::optional<HttpResponse> error = NotAllowed(FromLoopback(), kInfo, rules);
  ASSERT_TRUE(error && !error->headers.empty());
  EXPECT_EQ(error->headers[0].first, "WWW-Authenticate");
}

// What cannot be read is not the same as none.
TEST(Access, ATokenThatCannotBeReadIsNoTokenThatIsMissing) {
  const AccessRules rules = {.token = absl::NotFoundError("no file")};
  EXPECT_EQ(StatusOf(FromUnix(), kInfo, rules), 500);
  EXPECT_EQ(StatusOf(FromUnix(), "/healthz", rules), 200);
}

TEST(Access, ProbesAreAnsweredWithoutATokenAndNothingElseIs) {
  const AccessRules rules = {.door = Door::kProbes, .token = "s3cret"};
  HttpRequest remote = FromLoopback();
  remote.host = "10.0.0.1:9902";  // a kubelet asks by the address of the pod
  for (const std::string_view path : {"/healthz", "/readyz", "/metrics"}) {
    EXPECT_EQ(StatusOf(remote, path, rules), 200) << path;
  }
  for (const std::string_view path : {kInfo, kReload, std::string_view("/")}) {
    EXPECT_EQ(StatusOf(FromLoopback("POST", "Bearer s3cret"), path, rules), 404) << path;
  }
}

TEST(Access, PagesInABrowserAreNotAllowed) {
  const AccessRules rules = {.token = "s3cret"};
  const auto with = [&](auto change) {
    HttpRequest request = FromLoopback("POST", "Bearer s3cret");
    change(request);
    return StatusOf(request, kReload, rules);
  };
  EXPECT_EQ(with([](HttpRequest&) {}), 200);
  EXPECT_EQ(with([](HttpRequest& r) { r.origin = "https://example.org"; }), 403);
  EXPECT_EQ(with([](HttpRequest& r) { r.origin = "null"; }), 403);
  EXPECT_EQ(with([](HttpRequest& r) { r.fetch_site = "cross-site"; }), 403);
  EXPECT_EQ(with([](HttpRequest& r) { r.fetch_site = "same-site"; }), 403);
  EXPECT_EQ(with([](HttpRequest& r) { r.fetch_site = "none"; }), 200);
  EXPECT_EQ(with([](HttpRequest& r) { r.origin = "http://127.0.0.1:9902"; }), 403);
  EXPECT_EQ(with([](HttpRequest& r) { r.origin = "https://127.0.0.1:9901"; }), 403);
  for (const char* const host :
       {"", "example.org", "example.org:9901", "10.0.0.1", "localhost.example.org", "127.0.0.1.org",
        "[::1", "::2", "localhost:9901x", "0.0.0.0:9901"}) {
    EXPECT_EQ(with([&](HttpRequest& r) { r.host = host; }), 403) << host;
  }
  for (const char* const host :
       {"localhost", "LOCALHOST:1", "127.0.0.1", "127.9.9.9:80", "[::1]", "[::1]:9901"}) {
    EXPECT_EQ(with([&](HttpRequest& r) { r.host = host; }), 200) << host;
  }
  for (const char* const type : {"text/plain", "application/x-www-form-urlencoded",
                                 "multipart/form-data; boundary=x", "application/jsonp"}) {
    EXPECT_EQ(with([&](HttpRequest& r) { r.content_type = type; }), 415) << type;
  }
  for (const char* const type : {"application/json", "Application/JSON; charset=utf-8"}) {
    EXPECT_EQ(with([&](HttpRequest& r) { r.content_type = type; }), 200) << type;
  }
}

TEST(Access, ItsOwnPageIsAllowed) {
  const AccessRules rules = {.token = "s3cret"};
  for (const std::string_view path : {"/", "/app.js", "/style.css", "/chart.js"}) {
    EXPECT_EQ(StatusOf(FromLoopback(), path, rules), 200) << path << " needs no token";
    HttpRequest link = FromLoopback();
    link.fetch_site = "cross-site";
    EXPECT_EQ(StatusOf(link, path, rules), 200) << path << " may be the end of a link";
    EXPECT_EQ(StatusOf(link, path, {.door = Door::kProbes}), 404) << path;
  }
  HttpRequest request = FromLoopback("POST", "Bearer s3cret");
  request.origin = "http://127.0.0.1:9901";
  request.fetch_site = "same-origin";
  EXPECT_EQ(StatusOf(request, kReload, rules), 200);
  EXPECT_EQ(StatusOf(request, kReload), 403) << "without a token loopback reads";
  request.authorization.clear();
  EXPECT_EQ(StatusOf(request, kReload, rules), 401);
}

// A port of this host that `ssh -L` leads to the socket, and a site whose name leads to the port.
TEST(Access, ABrowserOnAUnixSocketNamesLoopback) {
  HttpRequest request = FromUnix("POST");
  request.host = "localhost:9901";
  request.origin = "http://localhost:9901";
  request.fetch_site = "same-origin";
  EXPECT_EQ(StatusOf(request, kReload), 200);
  request.host = "example.org:9901";
  request.origin = "http://example.org:9901";
  EXPECT_EQ(StatusOf(request, kReload), 403);
  request.origin.clear();
  EXPECT_EQ(StatusOf(request, kInfo), 403);
  request.fetch_site.clear();
  EXPECT_EQ(StatusOf(request, kInfo), 200) << "a program, which may call it what it likes";
}

TEST(Access, AnAbstractSocketIsForTheProxysOwnUser) {
  AccessRules rules = {.is_abstract = true, .own_uid = 1000};
  HttpRequest request = FromUnix("POST");
  EXPECT_EQ(StatusOf(request, kReload, rules), 200);
  request.peer.uid = 1001;
  EXPECT_EQ(StatusOf(request, kReload, rules), 403);
  EXPECT_EQ(StatusOf(request, kInfo, rules), 403);
  EXPECT_EQ(StatusOf(request, "/healthz", rules), 200);
  request.peer.uid = 0;
  EXPECT_EQ(StatusOf(request, kReload, rules), 200);
}

TEST(Access, SecretsAreComparedAsAWhole) {
  EXPECT_TRUE(IsSameSecret("abc", "abc"));
  EXPECT_FALSE(IsSameSecret("abd", "abc"));
  EXPECT_FALSE(IsSameSecret("abcabc", "abc"));
  EXPECT_FALSE(IsSameSecret("", "abc"));
  EXPECT_FALSE(IsSameSecret("", ""));
  EXPECT_FALSE(IsSameSecret("a", ""));
}

TEST(Access, AnErrorIsJsonWhateverItsWordsAre) {
  EXPECT_EQ(ErrorResponse(400, "\"a\"\n").body, "{\"error\":\"\\\"a\\\"\\u000a\"}\n");
}

}  // namespace
}  // namespace sluice::proxy
