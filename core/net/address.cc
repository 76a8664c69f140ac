#include "core/net/address.h"

#include <arpa/inet.h>

#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"

namespace sluice::core {
namespace {

constexpr size_t kNameOffset = offsetof(sockaddr_un, sun_path);

using HostText = char[INET6_ADDRSTRLEN];

const char* WriteHost(const Address& address, HostText& text) {
  text[0] = '\0';
  if (address.family() == AF_INET) {
    const in_addr host = address.ipv4();
    inet_ntop(AF_INET, &host, text, sizeof(text));
  } else if (address.family() == AF_INET6) {
    inet_ntop(AF_INET6, &address.ipv6(), text, sizeof(text));
  }
  return text;
}

std::string UnixToString(std::string_view name) {
  std::string text = "unix:";
  text += name;
  if (name.starts_with('\0')) text[text.size() - name.size()] = '@';
  return text;
}

template <typename Bytes>
std::string_view BytesOf(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(&bytes), sizeof(bytes)};
}

}  // namespace

Address::Address(const sockaddr* address, socklen_t size) : Address() {
  SLUICE_CHECK(size <= sizeof(local_));
  std::memcpy(&local_, address, size);
  size_ = size;
}

Address Address::Ipv4(in_addr host, uint16_t port) {
  Address address;
  address.ipv4_.sin_family = AF_INET;
  address.ipv4_.sin_addr = host;
  address.ipv4_.sin_port = htons(port);
  address.size_ = sizeof(address.ipv4_);
  return address;
}

Address Address::Ipv6(const in6_addr& host, uint16_t port, uint32_t scope) {
  Address address;
  address.ipv6_.sin6_family = AF_INET6;
  address.ipv6_.sin6_addr = host;
  address.ipv6_.sin6_port = htons(port);
  address.ipv6_.sin6_scope_id = scope;
  address.size_ = sizeof(address.ipv6_);
  return address;
}

Address Address::UnixPath(std::string_view path) {
  SLUICE_CHECK(path.size() <= kUnixNameMax);
  Address address;
  address.local_.sun_family = AF_UNIX;
  std::memcpy(address.local_.sun_path, path.data(), path.size());
  address.size_ = static_cast<socklen_t>(kNameOffset + path.size() + 1);  // its NUL counts
  return address;
}

Address Address::UnixAbstract(std::string_view name) {
  SLUICE_CHECK(name.size() <= kUnixNameMax);
  Address address;
  address.local_.sun_family = AF_UNIX;
  std::memcpy(address.local_.sun_path + 1, name.data(), name.size());
  address.size_ = static_cast<socklen_t>(kNameOffset + 1 + name.size());
  return address;
}

std::string Address::ToString() const {
  HostText host;
  switch (family()) {
    case AF_INET:
      return absl::StrCat(WriteHost(*this, host), ":", port());
    case AF_INET6:
      return absl::StrCat("[", WriteHost(*this, host), "]:", port());
    case AF_UNIX:
      return UnixToString(unix_name());
    default:
      return "?";
  }
}

std::string Address::HostToString() const {
  HostText host;
  return WriteHost(*this, host);
}

uint16_t Address::port() const {
  if (family() == AF_INET) return ntohs(ipv4_.sin_port);
  if (family() == AF_INET6) return ntohs(ipv6_.sin6_port);
  return 0;
}

uint32_t Address::scope() const { return family() == AF_INET6 ? ipv6_.sin6_scope_id : 0; }

in_addr Address::ipv4() const {
  SLUICE_DCHECK(family() == AF_INET);
  return ipv4_.sin_addr;
}

const in6_addr& Address::ipv6() const {
  SLUICE_DCHECK(family() == AF_INET6);
  return ipv6_.sin6_addr;
}

std::string_view Address::unix_name() const {
  if (!is_unix() || size_ <= kNameOffset) return {};
  const size_t length = size_ - kNameOffset;
  if (local_.sun_path[0] == '\0') return {local_.sun_path, length};
  return {local_.sun_path, strnlen(local_.sun_path, length)};
}

std::string_view Address::name() const {
  if (family() == AF_INET) return BytesOf(ipv4_.sin_addr);
  if (family() == AF_INET6) return BytesOf(ipv6_.sin6_addr);
  return unix_name();
}

bool Address::is_any() const {
  if (family() == AF_INET) return ipv4_.sin_addr.s_addr == htonl(INADDR_ANY);
  return family() == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&ipv6_.sin6_addr);
}

bool Address::is_loopback() const {
  if (family() == AF_INET) return ntohl(ipv4_.sin_addr.s_addr) >> 24 == 127;
  return family() == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&ipv6_.sin6_addr);
}

Address Address::WithPort(uint16_t port) const {
  SLUICE_DCHECK(is_ip());
  Address address = *this;
  if (family() == AF_INET) {
    address.ipv4_.sin_port = htons(port);
  } else {
    address.ipv6_.sin6_port = htons(port);
  }
  return address;
}

Address Address::Unmapped() const {
  if (family() != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&ipv6_.sin6_addr)) return *this;
  in_addr host;
  std::memcpy(&host, ipv6_.sin6_addr.s6_addr + 12, sizeof(host));
  return Ipv4(host, port());
}

bool Address::operator==(const Address& other) const {
  return family() == other.family() && port() == other.port() && scope() == other.scope() &&
         name() == other.name();
}

}  // namespace sluice::core
