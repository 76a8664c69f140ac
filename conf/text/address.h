// A socket address: IPv4, IPv6, or a UNIX socket (a path or an abstract name).
//
// Text forms: `1.2.3.4:80`, `[::1]:80`, `unix:/path`, `unix:@name`. Host names are not accepted.
// ToString gives the form that Parse takes; for an address that the kernel filled in and that has
// no such form (an unnamed UNIX peer) it gives `unix:`, for an empty Address "".

#ifndef SLUICE_CONF_TEXT_ADDRESS_H_
#define SLUICE_CONF_TEXT_ADDRESS_H_

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice::conf {

struct Address {
  sockaddr_storage storage = {};
  socklen_t length = 0;

  // Error: InvalidArgument, a sentence that says what is wrong with `text`.
  static absl::StatusOr<Address> Parse(std::string_view text);

  // An IP address without a port (and without brackets); its port is 0. Errors as above.
  static absl::StatusOr<Address> ParseHost(std::string_view text);

  // The forms Parse accepts, as error messages name them.
  static constexpr std::string_view kForms = "1.2.3.4:80, [::1]:80, unix:/path or unix:@name";

  std::string ToString() const;
  std::string HostToString() const;  // the form that ParseHost takes; "" unless is_ip()

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return length == 0 ? AF_UNSPEC : storage.ss_family; }
  bool is_ip() const { return family() == AF_INET || family() == AF_INET6; }
  uint16_t port() const;  // host byte order; 0 unless is_ip()

  // Equal when a bind(2) or connect(2) could not tell them apart.
  bool operator==(const Address& other) const;
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_TEXT_ADDRESS_H_
