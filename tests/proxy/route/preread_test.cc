#include "proxy/route/preread.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/proxy/route/hello_maker.h"

namespace sluice::proxy {
namespace {

using conf::NoRoute;
using conf::Route;
using conf::RouteProtocol;
using Decision = Preread::Decision;
using Kind = Decision::Kind;
using std::string_literals::operator""s;

Decision To(size_t route) { return {.kind = Kind::kRoute, .route = route}; }
constexpr Decision kMore = {.kind = Kind::kMore};
constexpr Decision kDefault = {.kind = Kind::kDefault};
constexpr Decision kReject = {.kind = Kind::kReject};

const std::vector<Route> kMixed = {
    {.sni = {"a.org"}, .upstream = "u"},
    {.protocol = RouteProtocol::kSsh, .upstream = "u"},
    {.alpn = {"h2"}, .upstream = "u"},
};

// The decision about `bytes`, in whatever pieces; kMore: they do not decide.
Decision Decide(const std::vector<Route>& routes, std::string_view bytes,
                const conf::Preread& policy = {}) {
  const RouteTable table(routes);
  Preread whole(table, policy, /*wants_name=*/false);
  const Decision decision = whole.Feed(BytesOf(bytes));
  Preread split(table, policy, /*wants_name=*/false);
  Decision last = kMore;
  for (size_t at = 0; at < bytes.size() && last == kMore; ++at) {
    last = split.Feed(BytesOf(bytes).subspan(at, 1));
  }
  EXPECT_EQ(last, decision) << bytes;
  return decision;
}

TEST(Preread, GoesByNameProtocolOrWhatIsOffered) {
  EXPECT_EQ(Decide(kMixed, MakeHello("a.org", {"h2"})), To(0));
  EXPECT_EQ(Decide(kMixed, MakeHello("b.org", {"h2"})), To(2));
  EXPECT_EQ(Decide(kMixed, "SSH-2.0-x\r\n"), To(1));
  EXPECT_EQ(Decide(kMixed, MakeHello("b.org")), kDefault);
  EXPECT_EQ(Decide(kMixed, MakeHello("")), kDefault);
}

TEST(Preread, WaitsForTheWholeHello) {
  const std::string hello = MakeHello("a.org");
  EXPECT_EQ(Decide(kMixed, std::string_view(hello).substr(0, hello.size() - 1)), kMore);
  EXPECT_EQ(Decide(kMixed, "SS"), kMore);
  EXPECT_EQ(Decide(kMixed, ""), kMore);
}

TEST(Preread, OtherBytesDecideAtOnce) {
  const conf::Preread strict = {.not_tls = NoRoute::kReject};
  for (const std::string& bytes : {"GET / HTTP/1.1\r\n"s, "G"s, "\0"s, "SSX"s, "\x16\x03\x09"s}) {
    EXPECT_EQ(Decide(kMixed, bytes), kDefault) << bytes;
    EXPECT_EQ(Decide(kMixed, bytes, strict), kReject) << bytes;
  }
}

TEST(Preread, ABrokenHelloIsNoTls) {
  std::string hello = MakeHello("a.org");
  hello[6] = 1;  // 64 KiB more than there are
  EXPECT_EQ(Decide(kMixed, hello), kDefault);
  EXPECT_EQ(Decide(kMixed, hello, {.not_tls = NoRoute::kReject}), kReject);
}

// Where what is not TLS is rejected, TLS is known although no route asks for it.
TEST(Preread, RejectsOnlyWhatIsNoTls) {
  const std::vector<Route> ssh = {{.protocol = RouteProtocol::kSsh, .upstream = "u"}};
  const conf::Preread strict = {.not_tls = NoRoute::kReject};
  EXPECT_EQ(Decide(ssh, MakeHello("a.org"), strict), kDefault);
  EXPECT_EQ(Decide(ssh, "GET / HTTP/1.1\r\n", strict), kReject);
  EXPECT_EQ(Decide(ssh, "SSH-2.0", strict), To(0));
  // Else its first byte decides.
  EXPECT_EQ(Decide(ssh, "\x16"), kDefault);
}

TEST(Preread, TheEndAndTheTimeAreJudgedApart) {
  const RouteTable table(kMixed);
  const conf::Preread late = {.on_timeout = NoRoute::kReject};
  const conf::Preread strict = {.not_tls = NoRoute::kReject};
  Preread one(table, late, false);
  EXPECT_EQ(one.Feed(BytesOf("SS")), kMore);
  EXPECT_EQ(one.OnTimeout(), kReject);
  EXPECT_EQ(one.OnEnd(), kDefault);
  Preread other(table, strict, false);
  EXPECT_EQ(other.OnTimeout(), kDefault);
  EXPECT_EQ(other.OnEnd(), kReject);
}

TEST(Preread, ANameMayBeWantedWithoutARoute) {
  const RouteTable table({});
  const conf::Preread policy;
  Preread without(table, policy, /*wants_name=*/false);
  EXPECT_EQ(without.Feed(BytesOf("\x16")), kDefault);
  Preread with(table, policy, /*wants_name=*/true);
  EXPECT_EQ(with.Feed(BytesOf("\x16")), kMore);
  EXPECT_EQ(with.Feed(BytesOf(MakeHello("a.org")).subspan(1)), kDefault);
  EXPECT_EQ(with.hello().sni(), "a.org");
  EXPECT_EQ(with.protocol(), RouteProtocol::kTls);
}

}  // namespace
}  // namespace sluice::proxy
