#include "core/net/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "absl/hash/hash_testing.h"
#include "core/net/socket_api.h"

namespace sluice::core {
namespace {

constexpr size_t kNameOffset = offsetof(sockaddr_un, sun_path);

Address Parsed(std::string_view text) {
  const auto address = Address::Parse(text);
  EXPECT_TRUE(address.ok()) << address.status();
  return address.value_or(Address());
}

Address OnInterface(const char* host, uint32_t scope) {
  return Address::Ipv6(Address::ParseHost(host)->ipv6(), 80, scope);
}

// As the kernel writes it: `path` fills what follows the family, with no NUL behind it.
Address UnixBytes(std::string_view path) {
  sockaddr_un bytes = {};
  bytes.sun_family = AF_UNIX;
  std::memcpy(bytes.sun_path, path.data(), path.size());
  return Address(reinterpret_cast<const sockaddr*>(&bytes),
                 static_cast<socklen_t>(kNameOffset + path.size()));
}

const Address& Unnamed() {
  static const Address unnamed = UnixBytes("");
  return unnamed;
}

TEST(Address, Ipv4) {
  const Address address = Parsed("192.0.2.7:8080");
  sockaddr_in ip = {};
  ASSERT_EQ(address.size(), sizeof(ip));
  std::memcpy(&ip, address.get(), sizeof(ip));
  EXPECT_EQ(ip.sin_family, AF_INET);
  EXPECT_EQ(ntohl(ip.sin_addr.s_addr), 0xC0000207);
  EXPECT_EQ(ntohs(ip.sin_port), 8080);
  EXPECT_EQ(address.ipv4().s_addr, ip.sin_addr.s_addr);
  EXPECT_EQ(address.port(), 8080);
  EXPECT_EQ(address.scope(), 0u);
}

TEST(Address, Ipv6) {
  const Address address = Parsed("[2001:db8::1]:443");
  sockaddr_in6 ip = {};
  ASSERT_EQ(address.size(), sizeof(ip));
  std::memcpy(&ip, address.get(), sizeof(ip));
  EXPECT_EQ(ip.sin6_family, AF_INET6);
  EXPECT_EQ(ip.sin6_addr.s6_addr[0], 0x20);
  EXPECT_EQ(ip.sin6_addr.s6_addr[15], 1);
  EXPECT_EQ(ntohs(ip.sin6_port), 443);
  EXPECT_EQ(ip.sin6_scope_id, 0u);
  EXPECT_EQ(std::memcmp(&address.ipv6(), &ip.sin6_addr, sizeof(ip.sin6_addr)), 0);
}

TEST(Address, Ipv6WithScope) {
  const Address address = OnInterface("fe80::1", 7);
  sockaddr_in6 ip = {};
  std::memcpy(&ip, address.get(), sizeof(ip));
  EXPECT_EQ(ip.sin6_scope_id, 7u);
  EXPECT_EQ(address.scope(), 7u);
  EXPECT_EQ(address.WithPort(81).scope(), 7u);
  EXPECT_EQ(address.ToString(), "[fe80::1]:80") << "the scope has no text";
}

TEST(Address, UnixPathCountsItsNul) {
  const Address address = Parsed("unix:/run/x.sock");
  EXPECT_EQ(address.family(), AF_UNIX);
  EXPECT_EQ(address.size(), kNameOffset + sizeof("/run/x.sock"));
  EXPECT_EQ(address.unix_name(), "/run/x.sock");
  EXPECT_STREQ(reinterpret_cast<const char*>(address.get()) + kNameOffset, "/run/x.sock");
}

TEST(Address, AbstractNameIsExactlyItsBytes) {
  const Address address = Parsed("unix:@name");
  EXPECT_EQ(address.size(), kNameOffset + 1 + 4);
  EXPECT_EQ(address.unix_name(), std::string_view("\0name", 5));
  EXPECT_EQ(UnixBytes(std::string_view("\0a\0", 3)).unix_name().size(), 3u);
}

TEST(Address, LongestUnixNames) {
  const std::string path = "unix:/" + std::string(Address::kUnixNameMax - 1, 'x');
  const std::string name = "unix:@" + std::string(Address::kUnixNameMax, 'x');
  EXPECT_EQ(Parsed(path).ToString(), path);
  EXPECT_EQ(Parsed(name).ToString(), name);
  EXPECT_EQ(Parsed(path).size(), sizeof(sockaddr_un));
  EXPECT_EQ(Parsed(name).size(), sizeof(sockaddr_un));
  EXPECT_FALSE(Address::Parse(path + "x").ok());
  EXPECT_FALSE(Address::Parse(name + "x").ok());
}

// Linux takes a path of 108 bytes and then tells a size that is one more than the structure's.
TEST(Address, APathWithoutRoomForItsNul) {
  const std::string path = "/" + std::string(sizeof(sockaddr_un::sun_path) - 1, 'x');
  const Address address = Address::From([&](sockaddr* bytes, socklen_t* size) {
    bytes->sa_family = AF_UNIX;
    std::memcpy(reinterpret_cast<char*>(bytes) + kNameOffset, path.data(), path.size());
    EXPECT_EQ(*size, sizeof(sockaddr_un));
    *size = sizeof(sockaddr_un) + 1;
    return 0;
  });
  EXPECT_EQ(address.size(), sizeof(sockaddr_un));
  EXPECT_EQ(address.ToString(), "unix:" + path);
}

struct Kind {
  Address address;
  bool is_empty = false;
  bool is_ip = false;
  bool is_unix = false;
  bool has_path = false;
  uint16_t port = 0;
  std::string host = {};
};

TEST(Address, Kinds) {
  const std::vector<Kind> table = {
      {.address = Address(), .is_empty = true},
      {.address = Parsed("1.2.3.4:80"), .is_ip = true, .port = 80, .host = "1.2.3.4"},
      {.address = Parsed("[::1]:65535"), .is_ip = true, .port = 65535, .host = "::1"},
      {.address = Parsed("unix:/x"), .is_unix = true, .has_path = true},
      {.address = UnixBytes("x"), .is_unix = true, .has_path = true},
      {.address = Parsed("unix:@x"), .is_unix = true},
      {.address = Unnamed(), .is_unix = true},
  };
  for (const Kind& each : table) {
    const std::string text = each.address.ToString();
    EXPECT_EQ(each.address.is_empty(), each.is_empty) << text;
    EXPECT_EQ(each.address.is_ip(), each.is_ip) << text;
    EXPECT_EQ(each.address.is_unix(), each.is_unix) << text;
    EXPECT_EQ(each.address.has_path(), each.has_path) << text;
    EXPECT_EQ(each.address.port(), each.port) << text;
    EXPECT_EQ(each.address.HostToString(), each.host) << text;
  }
}

struct HostKind {
  const char* host;
  bool is_any;
  bool is_loopback;
  const char* unmapped;
};

TEST(Address, Hosts) {
  constexpr HostKind kTable[] = {
      {"0.0.0.0", true, false, "0.0.0.0"},
      {"::", true, false, "::"},
      {"127.0.0.1", false, true, "127.0.0.1"},
      {"127.255.0.9", false, true, "127.255.0.9"},
      {"128.0.0.1", false, false, "128.0.0.1"},
      {"::1", false, true, "::1"},
      {"::2", false, false, "::2"},
      {"::ffff:127.0.0.1", false, false, "127.0.0.1"},
      {"::ffff:0.0.0.0", false, false, "0.0.0.0"},
      {"::fffe:1.2.3.4", false, false, "::fffe:102:304"},
  };
  for (const HostKind& each : kTable) {
    const Address address = Address::ParseHost(each.host)->WithPort(80);
    EXPECT_EQ(address.is_any(), each.is_any) << each.host;
    EXPECT_EQ(address.is_loopback(), each.is_loopback) << each.host;
    EXPECT_EQ(address.Unmapped().HostToString(), each.unmapped) << each.host;
    EXPECT_EQ(address.Unmapped().port(), 80) << each.host;
  }
  for (const Address& each : {Address(), Parsed("unix:/x"), Unnamed()}) {
    EXPECT_FALSE(each.is_any() || each.is_loopback()) << each.ToString();
    EXPECT_EQ(each.Unmapped(), each);
  }
}

TEST(Address, TextThatIsTakenIsGivenBack) {
  for (const char* text : {"0.0.0.0:0", "1.2.3.4:65535", "[::]:80", "[::ffff:1.2.3.4]:80",
                           "unix:/a b", "unix:@a:b", "unix:/tmp/$x", "unix:/\xC3\xA9", "unix:@@"}) {
    EXPECT_EQ(Parsed(text).ToString(), text);
  }
  EXPECT_EQ(Parsed("[0:0:0:0:0:0:0:1]:80").ToString(), "[::1]:80");
  EXPECT_EQ(Parsed("[2001:DB8::1]:80").ToString(), "[2001:db8::1]:80");
}

TEST(Address, TextOfWhatOnlyAKernelWrites) {
  EXPECT_EQ(Address().ToString(), "?");
  EXPECT_EQ(Unnamed().ToString(), "unix:");
  EXPECT_EQ(UnixBytes("x").ToString(), "unix:x");
  EXPECT_EQ(UnixBytes(std::string_view("\0a\n\0b", 5)).ToString(), std::string("unix:@a\n\0b", 10));
}

TEST(Address, HostsAreWrittenWithoutPort) {
  for (const char* text : {"192.0.2.7", "::1", "2001:db8::1"}) {
    const auto host = Address::ParseHost(text);
    ASSERT_TRUE(host.ok()) << host.status();
    EXPECT_EQ(host->HostToString(), text);
    EXPECT_EQ(host->port(), 0);
  }
}

struct BadText {
  std::string text;
  std::string message;
};

TEST(Address, SaysWhatIsWrongWithAText) {
  const std::string too_long(200, 'x');
  const std::vector<BadText> table = {
      {"", R"("" is empty)"},
      {"80", R"("80" is a port without an IP address)"},
      {"/run/x", R"("/run/x" is a UNIX socket without "unix:")"},
      {"@x", R"("@x" is a UNIX socket without "unix:")"},
      {"1.2.3.4", R"("1.2.3.4" has no port)"},
      {"[::1]", R"("[::1]" has no port)"},
      {"http://1.2.3.4:80", R"("http://1.2.3.4:80" is a URL, not an address)"},
      {"1.2.3.4:80,1.2.3.5:80", R"("1.2.3.4:80,1.2.3.5:80" is more than one address)"},
      {"1.2.3.4: 80", R"("1.2.3.4: 80" is more than one address)"},
      {"1.2.3.4:80-90", R"("1.2.3.4:80-90" has a range of ports, which is not supported: )"
                        "each port needs its address"},
      {"1.2.3.4:", R"("1.2.3.4:" has a port that is not a number up to 65535)"},
      {"1.2.3.4:-1", R"("1.2.3.4:-1" has a port that is not a number up to 65535)"},
      {"1.2.3.4:+80", R"("1.2.3.4:+80" has a port that is not a number up to 65535)"},
      {"1.2.3.4:080", R"("1.2.3.4:080" has a port that is not a number up to 65535)"},
      {"1.2.3.4:65536", R"("1.2.3.4:65536" has a port that is not a number up to 65535)"},
      {"localhost:80", R"("localhost:80" has a host name: an IP address is needed)"},
      {"*:80", R"("*:80" has no IP address (0.0.0.0 or [::] stands for any))"},
      {":80", R"(":80" has no IP address (0.0.0.0 or [::] stands for any))"},
      {"::1:80", R"("::1:80" is an IPv6 address without [ ])"},
      {"1.2.3:80", R"("1.2.3:80" has no valid IP address before its port)"},
      {"01.2.3.4:80", R"("01.2.3.4:80" has no valid IP address before its port)"},
      {"[::1:80", R"("[::1:80" has no valid IP address before its port)"},
      {"::1]:80", R"("::1]:80" has no valid IP address before its port)"},
      {"[1.2.3.4]:80", R"("[1.2.3.4]:80" has no valid IPv6 address between [ and ])"},
      {"[]:80", R"("[]:80" has no valid IPv6 address between [ and ])"},
      {"[fe80::1%lo]:80", R"("[fe80::1%lo]:80" has an IPv6 zone, which is not supported yet)"},
      {"unix:", R"("unix:" has no path)"},
      {"unix:x", R"("unix:x" is not an absolute path: it has to begin with "/")"},
      {"unix:@", R"("unix:@" has no name after "@")"},
      {"UNIX:/x", R"("UNIX:/x" has a port that is not a number up to 65535)"},
      {"unix:/a\nb", R"("unix:/a\nb" has a control character)"},
      {"unix:@\x7f", R"("unix:@\177" has a control character)"},
      {std::string("unix:/a\0b", 9), R"("unix:/a\000b" has a NUL byte)"},
      {"unix:/" + too_long,
       "\"unix:/" + std::string(74, 'x') + "\"... is longer than the kernel takes, 107 bytes"},
  };
  for (const BadText& each : table) {
    const auto address = Address::Parse(each.text);
    EXPECT_FALSE(address.ok()) << each.text;
    EXPECT_EQ(address.status().message(), each.message);
    EXPECT_TRUE(absl::IsInvalidArgument(address.status())) << each.text;
  }
}

TEST(Address, SaysWhatIsWrongWithAHost) {
  const std::vector<BadText> table = {
      {"", R"("" is not an IP address)"},
      {"192.0.2.7:80", R"("192.0.2.7:80" is more than an IP address)"},
      {"[::1]", R"("[::1]" is not an IP address)"},
      {"[::1]:80", R"("[::1]:80" is more than an IP address)"},
      {"localhost", R"("localhost" is not an IP address)"},
      {"unix:/x", R"("unix:/x" is more than an IP address)"},
      {"::1%lo", R"("::1%lo" is not an IP address)"},
      {std::string("::1\0", 4), R"("::1\000" has a NUL byte)"},
  };
  for (const BadText& each : table) {
    const auto host = Address::ParseHost(each.text);
    EXPECT_FALSE(host.ok()) << each.text;
    EXPECT_EQ(host.status().message(), each.message);
  }
}

TEST(Address, TheFormsThatAMessageNamesAreTaken) {
  for (const char* form : {"1.2.3.4:80", "[::1]:80", "unix:/path", "unix:@name"}) {
    EXPECT_NE(Address::kForms.find(form), std::string_view::npos) << form;
    EXPECT_EQ(Parsed(form).ToString(), form);
  }
}

// Two values of this table are equal, and have the same hash, only if they are the same one.
TEST(Address, EqualityAndHash) {
  const std::vector<Address> different = {
      Address(),
      Parsed("1.2.3.4:80"),
      Parsed("1.2.3.4:81"),
      Parsed("1.2.3.5:80"),
      Parsed("[::ffff:1.2.3.4]:80"),
      Parsed("[::1]:80"),
      Parsed("[::1]:81"),
      Parsed("[::2]:80"),
      OnInterface("fe80::1", 0),
      OnInterface("fe80::1", 1),
      OnInterface("fe80::1", 2),
      Unnamed(),
      Parsed("unix:/a"),
      Parsed("unix:/b"),
      Parsed("unix:@a"),
      Parsed("unix:@ab"),
      UnixBytes(std::string_view("\0", 1)),
  };
  for (const Address& a : different) {
    for (const Address& b : different) EXPECT_EQ(a == b, &a == &b) << a.ToString() << b.ToString();
  }
  EXPECT_TRUE(absl::VerifyTypeImplementsAbslHashCorrectly(different));
}

// The same address in other bytes.
TEST(Address, EqualityIgnoresWhatDoesNotBelongToTheAddress) {
  sockaddr_in ipv4 = {};
  std::memcpy(&ipv4, Parsed("1.2.3.4:80").get(), sizeof(ipv4));
  ipv4.sin_zero[3] = 1;
  sockaddr_in6 ipv6 = {};
  std::memcpy(&ipv6, Parsed("[::1]:80").get(), sizeof(ipv6));
  ipv6.sin6_flowinfo = 1;
  const std::vector<std::pair<Address, Address>> table = {
      {Parsed("1.2.3.4:80"), Address(reinterpret_cast<sockaddr*>(&ipv4), sizeof(ipv4))},
      {Parsed("[::1]:80"), Address(reinterpret_cast<sockaddr*>(&ipv6), sizeof(ipv6))},
      {Parsed("[::1]:80"), Parsed("[0:0::1]:80")},
      {Parsed("unix:/a"), UnixBytes("/a")},
      {Parsed("unix:/a"), UnixBytes(std::string_view("/a\0/b", 5))},
  };
  for (const auto& [a, b] : table) {
    EXPECT_EQ(a, b) << a.ToString();
    EXPECT_EQ(absl::HashOf(a), absl::HashOf(b)) << a.ToString();
  }
}

TEST(Address, FromTheKernel) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(SocketApi().LocalAddress(fd), Unnamed());
  const Address name = Address::UnixAbstract("sluice-address-test-" + std::to_string(getpid()));
  ASSERT_EQ(bind(fd, name.get(), name.size()), 0);
  EXPECT_EQ(SocketApi().LocalAddress(fd), name);
  EXPECT_TRUE(SocketApi().PeerAddress(-1).is_empty());
  close(fd);
}

TEST(Address, TheLongestPathFromTheKernel) {
  const std::string folder = ::testing::TempDir();
  ASSERT_EQ(chdir(folder.c_str()), 0);
  const std::string path(sizeof(sockaddr_un::sun_path), 'x');
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(fd, 0);
  const Address name = UnixBytes(path);
  ASSERT_EQ(bind(fd, name.get(), name.size()), 0) << std::strerror(errno);
  EXPECT_EQ(SocketApi().LocalAddress(fd), name);
  EXPECT_EQ(SocketApi().LocalAddress(fd).ToString(), "unix:" + path);
  close(fd);
  unlink(path.c_str());
}

}  // namespace
}  // namespace sluice::core
