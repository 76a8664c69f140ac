// Address: where a socket is. A value: IPv4, IPv6 with its scope, or a UNIX socket.
//
//   text           what it is                                         ToString    Parse
//   1.2.3.4:80     an IPv4 address and a port                         gives it    takes it
//   [::1]:80       an IPv6 address and a port                         gives it    takes it
//   unix:/path     a UNIX socket with a file                          gives it    takes it
//   unix:@name     a UNIX socket with an abstract name                gives it    takes it
//   unix:          a UNIX socket without a name, as clients have      gives it    -
//   ?              no address: an empty Address                       gives it    -
//
// A scope (the interface of a link-local address) comes from the kernel. It is part of the value,
// and has no text: two addresses that differ in it alone are not equal and are written alike.
//
// Invariant: size() is at most sizeof(sockaddr_un), whatever the kernel has written.
#ifndef SLUICE_CORE_NET_ADDRESS_H_
#define SLUICE_CORE_NET_ADDRESS_H_

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::core {

class Address {
 public:
  Address() : local_() { any_.sa_family = AF_UNSPEC; }
  Address(const sockaddr* address, socklen_t size);

  static Address Ipv4(in_addr host, uint16_t port);
  static Address Ipv6(const in6_addr& host, uint16_t port, uint32_t scope = 0);
  // At most kUnixNameMax bytes, without a NUL in a path.
  static Address UnixPath(std::string_view path);
  static Address UnixAbstract(std::string_view name);
  static constexpr size_t kUnixNameMax = sizeof(sockaddr_un::sun_path) - 1;

  // What getsockname(2) or the like tells: `get(sockaddr*, socklen_t*)` returns 0 when it has
  // written an address; else the result is empty.
  template <typename Get>
  static Address From(Get get) {
    Address address;
    socklen_t size = sizeof(address.local_);
    if (get(&address.any_, &size) != 0) return Address();
    address.size_ = std::min<socklen_t>(size, sizeof(address.local_));
    return address;
  }

  // Error: InvalidArgument, which quotes `text` and says what is wrong with it. What is taken has
  // no control character.
  static absl::StatusOr<Address> Parse(std::string_view text);
  // An IP address without a port (and without brackets); its port is 0. Errors as above.
  static absl::StatusOr<Address> ParseHost(std::string_view text);
  // The forms that Parse takes, as messages name them.
  static constexpr std::string_view kForms = "1.2.3.4:80, [::1]:80, unix:/path or unix:@name";

  // A peer chooses its own UNIX name: it may have any byte, and a log escapes it.
  std::string ToString() const;
  std::string HostToString() const;  // the form that ParseHost takes; "" unless is_ip()

  // For the kernel.
  const sockaddr* get() const { return &any_; }
  socklen_t size() const { return size_; }

  int family() const { return any_.sa_family; }
  bool is_empty() const { return family() == AF_UNSPEC; }
  bool is_ip() const { return family() == AF_INET || family() == AF_INET6; }
  bool is_unix() const { return family() == AF_UNIX; }
  bool has_path() const { return is_unix() && !unix_name().empty() && unix_name()[0] != '\0'; }

  uint16_t port() const;         // host byte order; 0 unless is_ip()
  uint32_t scope() const;        // the number of an interface; 0 if there is none
  in_addr ipv4() const;          // of AF_INET only
  const in6_addr& ipv6() const;  // of AF_INET6 only
  // A path, or a name behind a NUL; "" for a UNIX socket without a name and for all others.
  std::string_view unix_name() const;

  bool is_any() const;       // 0.0.0.0 or [::]
  bool is_loopback() const;  // 127.0.0.0/8 or [::1]

  // The same with another port. is_ip() only.
  Address WithPort(uint16_t port) const;
  // IPv4 when it is an IPv4 address that is written as IPv6 (::ffff:1.2.3.4); else the same.
  Address Unmapped() const;

  // Equal when bind(2) and connect(2) could not tell them apart.
  bool operator==(const Address& other) const;

  template <typename H>
  friend H AbslHashValue(H hash, const Address& address) {
    const std::string_view name = address.name();
    return H::combine(std::move(hash), address.family(), address.port(), address.scope(),
                      absl::string_view(name.data(), name.size()));
  }

 private:
  // The bytes of the IP address, or unix_name().
  std::string_view name() const;

  union {
    sockaddr any_;
    sockaddr_in ipv4_;
    sockaddr_in6 ipv6_;
    sockaddr_un local_;
  };
  socklen_t size_ = 0;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_NET_ADDRESS_H_
