#include "core/net/local_hosts.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <unistd.h>

namespace sluice::core {
namespace {

// bind(2) takes them, connect(2) does not: multicast, reserved and broadcast addresses.
bool IsForMany(const Address& host) {
  if (host.family() == AF_INET) return ntohl(host.ipv4().s_addr) >> 28 >= 0xE;
  return IN6_IS_ADDR_MULTICAST(&host.ipv6());
}

// Whether bind(2) takes addresses that are not here, too.
bool BindsAnything(int family) {
  const int fd = open(family == AF_INET ? "/proc/sys/net/ipv4/ip_nonlocal_bind"
                                        : "/proc/sys/net/ipv6/ip_nonlocal_bind",
                      O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char value = '0';
  const bool is_on = read(fd, &value, 1) == 1 && value != '0';
  close(fd);
  return is_on;
}

bool IsOfAnInterface(const Address& host) {
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return false;
  bool found = false;
  for (const ifaddrs* each = all; each != nullptr && !found; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != host.family()) continue;
    if (host.family() == AF_INET) {
      const auto* ipv4 = reinterpret_cast<const sockaddr_in*>(each->ifa_addr);
      found = ipv4->sin_addr.s_addr == host.ipv4().s_addr;
    } else {
      const auto* ipv6 = reinterpret_cast<const sockaddr_in6*>(each->ifa_addr);
      found = IN6_ARE_ADDR_EQUAL(&ipv6->sin6_addr, &host.ipv6());
    }
  }
  freeifaddrs(all);
  return found;
}

bool CanBind(const Address& host) {
  const int fd = socket(host.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const int on = 1;  // takes no port
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
  const bool bound = bind(fd, host.get(), host.size()) == 0;
  close(fd);
  return bound;
}

}  // namespace

bool IsLocalHost(const Address& address) {
  if (!address.is_ip()) return false;
  const Address host = address.Unmapped().WithPort(0);
  if (host.is_loopback() || host.is_any()) return true;  // connect(2) takes any for loopback
  if (IsForMany(host)) return false;
  return BindsAnything(host.family()) ? IsOfAnInterface(host) : CanBind(host);
}

}  // namespace sluice::core
