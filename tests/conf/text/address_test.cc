#include "conf/text/address.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string>

namespace sluice::conf {
namespace {

Address Parsed(const std::string& text) {
  const auto address = Address::Parse(text);
  EXPECT_TRUE(address.ok()) << address.status();
  return address.value_or(Address{});
}

TEST(Address, Ipv4) {
  const Address address = Parsed("192.0.2.7:8080");
  sockaddr_in ip = {};
  ASSERT_EQ(address.length, sizeof(ip));
  std::memcpy(&ip, address.get(), sizeof(ip));
  EXPECT_EQ(ip.sin_family, AF_INET);
  EXPECT_EQ(ntohl(ip.sin_addr.s_addr), 0xC0000207);
  EXPECT_EQ(ntohs(ip.sin_port), 8080);
  EXPECT_EQ(address.port(), 8080);
  EXPECT_TRUE(address.is_ip());
}

TEST(Address, Ipv6) {
  const Address address = Parsed("[2001:db8::1]:443");
  sockaddr_in6 ip = {};
  ASSERT_EQ(address.length, sizeof(ip));
  std::memcpy(&ip, address.get(), sizeof(ip));
  EXPECT_EQ(ip.sin6_family, AF_INET6);
  EXPECT_EQ(ip.sin6_addr.s6_addr[0], 0x20);
  EXPECT_EQ(ip.sin6_addr.s6_addr[15], 1);
  EXPECT_EQ(ntohs(ip.sin6_port), 443);
  EXPECT_EQ(ip.sin6_scope_id, 0u);
}

TEST(Address, HostHasNoPort) {
  for (const char* text : {"192.0.2.7", "::1", "2001:db8::1"}) {
    const auto host = Address::ParseHost(text);
    ASSERT_TRUE(host.ok()) << host.status();
    EXPECT_EQ(host->HostToString(), text);
    EXPECT_EQ(host->port(), 0);
  }
  for (const char* text :
       {"", "192.0.2.7:80", "[::1]", "[::1]:80", "localhost", "unix:/x", "::1%lo"}) {
    EXPECT_FALSE(Address::ParseHost(text).ok()) << text;
  }
  EXPECT_FALSE(Address::ParseHost(std::string_view("::1\0", 4)).ok());
  EXPECT_EQ(Parsed("unix:/run/x.sock").HostToString(), "");
}

TEST(Address, UnixPathCountsItsNul) {
  const Address address = Parsed("unix:/run/x.sock");
  EXPECT_EQ(address.family(), AF_UNIX);
  EXPECT_EQ(address.length, offsetof(sockaddr_un, sun_path) + sizeof("/run/x.sock"));
  EXPECT_FALSE(address.is_ip());
  EXPECT_EQ(address.port(), 0);
}

TEST(Address, AbstractNameIsExactlyItsBytes) {
  const Address address = Parsed("unix:@name");
  EXPECT_EQ(address.length, offsetof(sockaddr_un, sun_path) + 1 + 4);
  const auto* bytes = reinterpret_cast<const char*>(address.get());
  EXPECT_EQ(std::string(bytes + offsetof(sockaddr_un, sun_path), 5), std::string("\0name", 5));
}

TEST(Address, LongestUnixNames) {
  const std::string path = "unix:/" + std::string(106, 'x');
  const std::string name = "unix:@" + std::string(107, 'x');
  EXPECT_EQ(Parsed(path).ToString(), path);
  EXPECT_EQ(Parsed(name).ToString(), name);
  EXPECT_EQ(Parsed(path).length, sizeof(sockaddr_un));
  EXPECT_EQ(Parsed(name).length, sizeof(sockaddr_un));
  EXPECT_FALSE(Address::Parse(path + "x").ok());
  EXPECT_FALSE(Address::Parse(name + "x").ok());
}

TEST(Address, ToStringIsTheCanonicalForm) {
  for (const char* text : {"0.0.0.0:0", "1.2.3.4:65535", "[::]:80", "[::ffff:1.2.3.4]:80",
                           "unix:/a b", "unix:@a:b", "unix:/tmp/$x"}) {
    EXPECT_EQ(Parsed(text).ToString(), text);
  }
  EXPECT_EQ(Parsed("[0:0:0:0:0:0:0:1]:80").ToString(), "[::1]:80");
  EXPECT_EQ(Parsed("[2001:DB8::1]:80").ToString(), "[2001:db8::1]:80");
  EXPECT_EQ(Address{}.ToString(), "");
}

TEST(Address, Equality) {
  EXPECT_EQ(Parsed("[::1]:80"), Parsed("[0:0::1]:80"));
  EXPECT_FALSE(Parsed("1.2.3.4:80") == Parsed("1.2.3.4:81"));
  EXPECT_FALSE(Parsed("1.2.3.4:80") == Parsed("1.2.3.5:80"));
  EXPECT_FALSE(Parsed("[::1]:80") == Parsed("[::2]:80"));
  EXPECT_FALSE(Parsed("[::1]:80") == Parsed("[::1]:81"));
  Address scoped = Parsed("[::1]:80");
  reinterpret_cast<sockaddr_in6*>(&scoped.storage)->sin6_scope_id = 1;
  EXPECT_FALSE(Parsed("[::1]:80") == scoped);
  EXPECT_FALSE(Parsed("1.2.3.4:80") == Parsed("[::ffff:1.2.3.4]:80"));
  EXPECT_FALSE(Parsed("unix:/a") == Parsed("unix:/b"));
  EXPECT_FALSE(Parsed("unix:/a") == Parsed("unix:@a"));
  EXPECT_FALSE(Parsed("unix:@a") == Parsed("unix:@ab"));
  EXPECT_EQ(Address{}, Address{});
  EXPECT_FALSE(Address{} == Parsed("1.2.3.4:80"));
}

TEST(Address, EqualityIgnoresWhatTheKernelLeavesInTheRest) {
  Address address = Parsed("1.2.3.4:80");
  reinterpret_cast<sockaddr_in*>(&address.storage)->sin_zero[3] = 1;
  EXPECT_EQ(address, Parsed("1.2.3.4:80"));
}

TEST(Address, FromTheKernel) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(fd, 0);
  Address unnamed;
  unnamed.length = sizeof(unnamed.storage);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&unnamed.storage), &unnamed.length), 0);
  EXPECT_EQ(unnamed.ToString(), "unix:");

  const Address name = Parsed("unix:@sluice-address-test-" + std::to_string(getpid()));
  ASSERT_EQ(bind(fd, name.get(), name.length), 0);
  Address bound;
  bound.length = sizeof(bound.storage);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&bound.storage), &bound.length), 0);
  EXPECT_EQ(bound, name);
  close(fd);
}

TEST(Address, ControlCharactersOfAPeerDoNotReachALog) {
  Address address = Parsed("unix:@evil");
  reinterpret_cast<sockaddr_un*>(&address.storage)->sun_path[2] = '\n';
  EXPECT_EQ(address.ToString(), "unix:@e?il");
}

TEST(Address, RejectsOtherForms) {
  const std::string with_nul("unix:/a\0b", 9);
  for (const std::string& text : {std::string(),
                                  std::string("localhost:80"),
                                  std::string("1.2.3.4"),
                                  std::string("1.2.3.4:"),
                                  std::string("1.2.3.4:65536"),
                                  std::string("1.2.3.4:080"),
                                  std::string("1.2.3.4:+80"),
                                  std::string("1.2.3.4: 80"),
                                  std::string("1.2.3:80"),
                                  std::string("01.2.3.4:80"),
                                  std::string("::1:80"),
                                  std::string("[::1]"),
                                  std::string("[::1:80"),
                                  std::string("::1]:80"),
                                  std::string("[1.2.3.4]:80"),
                                  std::string("[]:80"),
                                  std::string("[::1%lo]:80"),
                                  std::string("unix:"),
                                  std::string("unix:x"),
                                  std::string("unix:@"),
                                  std::string("/run/x"),
                                  std::string("UNIX:/x"),
                                  std::string("unix:/a\nb"),
                                  with_nul}) {
    EXPECT_FALSE(Address::Parse(text).ok()) << text;
  }
}

}  // namespace
}  // namespace sluice::conf
