#include "conf/text/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>

#include "conf/text/characters.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

constexpr size_t kPathOffset = offsetof(sockaddr_un, sun_path);
constexpr size_t kPathMax = sizeof(sockaddr_un::sun_path) - 1;  // 107: a NUL ends or begins it
constexpr std::string_view kUnixPrefix = "unix:";

absl::Status Bad(std::string_view text, std::string_view why) {
  return InvalidArgument(Cat(Quoted(text), why));
}

absl::StatusOr<Address> ParseUnix(std::string_view text) {
  const std::string_view path = text.substr(kUnixPrefix.size());
  const bool is_abstract = path.starts_with('@');
  if (path.empty()) return Bad(text, " has no path");
  if (!is_abstract && !path.starts_with('/'))
    return Bad(text, " is not an absolute path: it has to begin with \"/\"");
  if (is_abstract && path.size() == 1) return Bad(text, " has no name after \"@\"");
  if (HasControlCharacter(path)) return Bad(text, " has a control character");
  if (HasInvisible(path)) return Bad(text, " has an invisible character");
  if (path.size() > kPathMax + (is_abstract ? 1 : 0)) {
    return Bad(text, Cat(" is longer than the kernel takes, ", kPathMax, " bytes"));
  }
  Address address;
  sockaddr_un unix_address = {};
  unix_address.sun_family = AF_UNIX;
  std::memcpy(unix_address.sun_path, path.data(), path.size());
  if (is_abstract) unix_address.sun_path[0] = '\0';
  std::memcpy(&address.storage, &unix_address, sizeof(unix_address));
  // A path counts its NUL; an abstract name is exactly its bytes.
  address.length = static_cast<socklen_t>(kPathOffset + path.size() + (is_abstract ? 0 : 1));
  return address;
}

Address MakeIpv4(const in_addr& host, uint16_t port) {
  sockaddr_in ip = {};
  ip.sin_family = AF_INET;
  ip.sin_addr = host;
  ip.sin_port = htons(port);
  Address address;
  std::memcpy(&address.storage, &ip, sizeof(ip));
  address.length = sizeof(ip);
  return address;
}

Address MakeIpv6(const in6_addr& host, uint16_t port) {
  sockaddr_in6 ip = {};
  ip.sin6_family = AF_INET6;
  ip.sin6_addr = host;
  ip.sin6_port = htons(port);
  Address address;
  std::memcpy(&address.storage, &ip, sizeof(ip));
  address.length = sizeof(ip);
  return address;
}

bool LooksLikeHostName(std::string_view host) {
  return !host.empty() && std::ranges::any_of(host, IsAsciiLetter) &&
         std::ranges::all_of(host, [](char c) {
           return IsAsciiLetter(c) || IsAsciiDigit(c) || c == '.' || c == '-' || c == '_';
         });
}

std::string_view WhyNotIp(std::string_view host) {
  if (LooksLikeHostName(host))
    return " has a host name, which is not supported yet: an IP address is needed";
  if (host.empty() || host == "*") return " has no IP address (0.0.0.0 or [::] stands for any)";
  const bool is_ipv6_like = host.find_first_not_of("0123456789abcdefABCDEF:.") == host.npos;
  if (is_ipv6_like && host.find(':') != host.npos) return " is an IPv6 address without [ ]";
  return " has no valid IP address before its port";
}

std::string_view WhyNoPort(std::string_view text) {
  if (text.empty()) return " is empty";
  if (text.starts_with('/') || text.starts_with('@')) return " is a UNIX socket without \"unix:\"";
  if (text.find("://") != text.npos) return " is a URL";
  return " has no port";
}

absl::StatusOr<Address> ParseIp(std::string_view text) {
  const size_t colon = text.rfind(':');
  const bool has_port = colon != std::string_view::npos && !text.ends_with(']');
  if (!has_port) {
    const bool is_port = ParseDecimal(text).has_value();
    return Bad(text, is_port ? " is a port without an IP address" : WhyNoPort(text));
  }
  if (text.find("://") != text.npos) return Bad(text, " is a URL, not an address");
  if (text.find_first_of(" ,") != text.npos) return Bad(text, " is more than one address");
  std::string host(text.substr(0, colon));
  const std::optional<uint64_t> port = ParseDecimal(text.substr(colon + 1));
  if (text.substr(colon + 1).find('-') > 0 && text.substr(colon + 1).find('-') != text.npos) {
    return Bad(text, " has a range of ports, which is not supported: each port needs its address");
  }
  if (!port.has_value() || *port > 65535)
    return Bad(text, " has a port that is not a number up to 65535");
  in_addr ipv4 = {};
  if (inet_pton(AF_INET, host.c_str(), &ipv4) == 1) {
    return MakeIpv4(ipv4, static_cast<uint16_t>(*port));
  }
  if (!host.starts_with('[') || !host.ends_with(']')) return Bad(text, WhyNotIp(host));
  host = host.substr(1, host.size() - 2);
  in6_addr ipv6 = {};
  if (inet_pton(AF_INET6, host.c_str(), &ipv6) != 1) {
    const bool has_zone = host.find('%') != std::string::npos;
    return Bad(text, has_zone ? " has an IPv6 zone, which is not supported yet"
                              : " has no valid IPv6 address between [ and ]");
  }
  return MakeIpv6(ipv6, static_cast<uint16_t>(*port));
}

// The bytes of a UNIX address after the family: "" if unnamed, "\0name" if abstract, else the path.
std::string_view UnixName(const Address& address) {
  if (address.length <= kPathOffset) return {};
  const char* name = reinterpret_cast<const char*>(&address.storage) + kPathOffset;
  const size_t size = std::min<size_t>(address.length, sizeof(sockaddr_un)) - kPathOffset;
  if (name[0] == '\0') return {name, size};
  return {name, strnlen(name, size)};
}

template <typename SockAddr>
SockAddr As(const Address& address) {
  SockAddr result;
  std::memcpy(&result, &address.storage, sizeof(result));
  return result;
}

}  // namespace

absl::StatusOr<Address> Address::Parse(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return Bad(text, " has a NUL byte");
  return text.starts_with(kUnixPrefix) ? ParseUnix(text) : ParseIp(text);
}

absl::StatusOr<Address> Address::ParseHost(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return Bad(text, " has a NUL byte");
  const std::string host(text);
  in_addr ipv4 = {};
  if (inet_pton(AF_INET, host.c_str(), &ipv4) == 1) return MakeIpv4(ipv4, 0);
  in6_addr ipv6 = {};
  if (inet_pton(AF_INET6, host.c_str(), &ipv6) == 1) return MakeIpv6(ipv6, 0);
  if (Parse(text).ok()) return Bad(text, " is more than an IP address");
  return Bad(text, " is not an IP address");
}

std::string Address::HostToString() const {
  char host[INET6_ADDRSTRLEN] = {};
  if (family() == AF_INET) {
    const auto ip = As<sockaddr_in>(*this);
    inet_ntop(AF_INET, &ip.sin_addr, host, sizeof(host));
  } else if (family() == AF_INET6) {
    const auto ip = As<sockaddr_in6>(*this);
    inet_ntop(AF_INET6, &ip.sin6_addr, host, sizeof(host));
  }
  return host;
}

std::string Address::ToString() const {
  switch (family()) {
    case AF_INET:
      return Cat(HostToString(), ":", port());
    case AF_INET6:
      return Cat("[", HostToString(), "]:", port());
    case AF_UNIX: {
      std::string name(UnixName(*this));
      if (!name.empty() && name[0] == '\0') name[0] = '@';
      std::ranges::replace_if(name, IsControlCharacter, '?');
      return Cat(kUnixPrefix, name);
    }
    default:
      return "";
  }
}

uint16_t Address::port() const {
  if (family() == AF_INET) return ntohs(As<sockaddr_in>(*this).sin_port);
  if (family() == AF_INET6) return ntohs(As<sockaddr_in6>(*this).sin6_port);
  return 0;
}

bool Address::operator==(const Address& other) const {
  if (family() != other.family()) return false;
  switch (family()) {
    case AF_INET: {
      const auto a = As<sockaddr_in>(*this);
      const auto b = As<sockaddr_in>(other);
      return a.sin_port == b.sin_port && a.sin_addr.s_addr == b.sin_addr.s_addr;
    }
    case AF_INET6: {
      const auto a = As<sockaddr_in6>(*this);
      const auto b = As<sockaddr_in6>(other);
      return a.sin6_port == b.sin6_port && a.sin6_scope_id == b.sin6_scope_id &&
             std::memcmp(&a.sin6_addr, &b.sin6_addr, sizeof(a.sin6_addr)) == 0;
    }
    case AF_UNIX:
      return UnixName(*this) == UnixName(other);
    default:
      return true;
  }
}

}  // namespace sluice::conf
