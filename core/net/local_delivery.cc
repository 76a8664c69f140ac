#include "core/net/local_delivery.h"

#include <linux/fib_rules.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

namespace sluice::core {
namespace {

constexpr size_t kMostOfRequest = 64;

// The attributes behind a fixed header, each at most once.
class Attributes {
 public:
  Attributes(const nlmsghdr* message, size_t header) {
    const size_t begin = NLMSG_LENGTH(NLMSG_ALIGN(header));
    if (message->nlmsg_len < begin) return;
    at_ = reinterpret_cast<const char*>(message) + begin;
    size_ = message->nlmsg_len - begin;
  }

  // `otherwise`: there is none of this type.
  uint32_t Number(int type, uint32_t otherwise) const {
    const char* at = at_;
    size_t left = size_;
    rtattr attribute;
    while (left >= sizeof(attribute)) {
      std::memcpy(&attribute, at, sizeof(attribute));
      if (attribute.rta_len < sizeof(attribute) || attribute.rta_len > left) break;
      if (attribute.rta_type == type && attribute.rta_len >= RTA_LENGTH(sizeof(uint32_t))) {
        uint32_t value = 0;
        std::memcpy(&value, at + RTA_LENGTH(0), sizeof(value));
        return value;
      }
      const size_t step = RTA_ALIGN(attribute.rta_len);
      if (step >= left) break;
      at += step;
      left -= step;
    }
    return otherwise;
  }

 private:
  const char* at_ = nullptr;
  size_t size_ = 0;
};

class RouteSocket {
 public:
  RouteSocket() : fd_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
    const int on = 1;  // the kernel sends only what is asked for; an old one sends all
    if (fd_ >= 0) setsockopt(fd_, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
  }
  RouteSocket(const RouteSocket&) = delete;
  RouteSocket& operator=(const RouteSocket&) = delete;
  ~RouteSocket() {
    if (fd_ >= 0) close(fd_);
  }

  // Asks by `body`, and calls `visit` for each message of the answer. 0, or an error.
  template <typename Body, typename Visit>
  int Ask(uint16_t type, uint16_t flags, const Body& body, size_t size, Visit visit) {
    if (fd_ < 0) return errno;
    alignas(nlmsghdr) std::array<char, NLMSG_HDRLEN + kMostOfRequest> request = {};
    nlmsghdr header = {};
    header.nlmsg_len = static_cast<uint32_t>(NLMSG_LENGTH(size));
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
    std::memcpy(request.data(), &header, sizeof(header));
    std::memcpy(request.data() + NLMSG_HDRLEN, &body, size);
    if (send(fd_, request.data(), header.nlmsg_len, 0) < 0) return errno;
    return Read((flags & NLM_F_DUMP) != 0, visit);
  }

 private:
  template <typename Visit>
  int Read(bool is_dump, Visit visit) {
    alignas(nlmsghdr) std::array<char, 32768> bytes;
    for (;;) {
      const ssize_t read = recv(fd_, bytes.data(), bytes.size(), 0);
      if (read < 0 && errno == EINTR) continue;
      if (read <= 0) return read < 0 ? errno : EPROTO;
      auto left = static_cast<uint32_t>(read);
      auto* message = reinterpret_cast<const nlmsghdr*>(bytes.data());
      for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
        if (message->nlmsg_type == NLMSG_DONE) return 0;
        if (message->nlmsg_type == NLMSG_ERROR) {
          if (message->nlmsg_len < NLMSG_LENGTH(sizeof(nlmsgerr))) return EPROTO;
          return -static_cast<const nlmsgerr*>(NLMSG_DATA(message))->error;
        }
        visit(message);
        if (!is_dump) return 0;
      }
    }
  }

  const int fd_;
};

}  // namespace

IoResult<LocalDelivery> FindLocalDelivery(int family) {
  RouteSocket socket;
  std::vector<uint32_t> tables;
  rtmsg routes = {};
  routes.rtm_family = static_cast<uint8_t>(family);
  routes.rtm_type = RTN_LOCAL;
  int error = socket.Ask(
      RTM_GETROUTE, NLM_F_DUMP, routes, sizeof(routes), [&tables](const nlmsghdr* message) {
        const auto* route = static_cast<const rtmsg*>(NLMSG_DATA(message));
        if (message->nlmsg_type != RTM_NEWROUTE || route->rtm_type != RTN_LOCAL) return;
        if (route->rtm_dst_len != 0) return;
        tables.push_back(Attributes(message, sizeof(rtmsg)).Number(RTA_TABLE, route->rtm_table));
      });
  if (error != 0) return IoError(error);
  LocalDelivery found;
  if (tables.empty()) return found;
  found.table = tables[0];
  fib_rule_hdr rules = {};
  rules.family = static_cast<uint8_t>(family);
  error = socket.Ask(RTM_GETRULE, NLM_F_DUMP, rules, sizeof(rules), [&](const nlmsghdr* message) {
    const auto* rule = static_cast<const fib_rule_hdr*>(NLMSG_DATA(message));
    if (message->nlmsg_type != RTM_NEWRULE || rule->action != FR_ACT_TO_TBL) return;
    const uint32_t table = Attributes(message, sizeof(fib_rule_hdr)).Number(FRA_TABLE, rule->table);
    found.is_asked = found.is_asked || std::ranges::find(tables, table) != tables.end();
  });
  if (error != 0) return IoError(error);
  return found;
}

int MayBeTransparent(int family) {
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int on = 1;
  const int set = family == AF_INET
                      ? setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on))
                      : setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof(on));
  const int error = set == 0 ? 0 : errno;
  close(fd);
  return error;
}

std::string DeviceTo(const Address& address) {
  struct Request {
    rtmsg route;
    rtattr attribute;
    std::array<char, sizeof(in6_addr)> host;
  } request = {};
  const bool is_ipv4 = address.family() == AF_INET;
  const size_t size = is_ipv4 ? sizeof(in_addr) : sizeof(in6_addr);
  request.route.rtm_family = static_cast<uint8_t>(address.family());
  request.route.rtm_dst_len = static_cast<uint8_t>(8 * size);
  request.attribute.rta_type = RTA_DST;
  request.attribute.rta_len = static_cast<uint16_t>(RTA_LENGTH(size));
  if (is_ipv4) {
    const in_addr host = address.ipv4();
    std::memcpy(request.host.data(), &host, size);
  } else {
    const in6_addr host = address.ipv6();
    std::memcpy(request.host.data(), &host, size);
  }
  uint32_t index = 0;
  const int error = RouteSocket().Ask(
      RTM_GETROUTE, 0, request, offsetof(Request, host) + size, [&index](const nlmsghdr* message) {
        index = Attributes(message, sizeof(rtmsg)).Number(RTA_OIF, 0);
      });
  std::array<char, IF_NAMESIZE> name = {};
  if (error != 0 || index == 0 || if_indextoname(index, name.data()) == nullptr) return "";
  return name.data();
}

}  // namespace sluice::core
