#include "core/net/unix_diag.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace sluice::core {
namespace {

// How sock_diag(7) names a file: the low half of the inode's number, the kernel's own device
// number.
unix_diag_vfs NameOf(const struct stat& file) {
  constexpr int kMinorBits = 20;
  return {.udiag_vfs_ino = static_cast<uint32_t>(file.st_ino),
          .udiag_vfs_dev = (major(file.st_dev) << kMinorBits) | minor(file.st_dev)};
}

bool Ask(int fd) {
  struct {
    nlmsghdr header;
    unix_diag_req request;
  } message = {};
  message.header.nlmsg_len = sizeof(message);
  message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message.request.sdiag_family = AF_UNIX;
  // Not the established ones: what a listener that has gone has accepted bears its name, too.
  message.request.udiag_states = (1U << TCP_LISTEN) | (1U << TCP_CLOSE);
  message.request.udiag_show = UDIAG_SHOW_VFS;
  return send(fd, &message, sizeof(message), 0) == static_cast<ssize_t>(sizeof(message));
}

bool IsBoundTo(const nlmsghdr* message, const unix_diag_vfs& name) {
  if (message->nlmsg_len < NLMSG_LENGTH(sizeof(unix_diag_msg))) return false;
  const char* at = static_cast<const char*>(NLMSG_DATA(message)) + sizeof(unix_diag_msg);
  size_t left = message->nlmsg_len - NLMSG_LENGTH(sizeof(unix_diag_msg));
  rtattr attribute;
  while (left >= sizeof(attribute)) {
    std::memcpy(&attribute, at, sizeof(attribute));
    if (attribute.rta_len < sizeof(attribute) || attribute.rta_len > left) return false;
    if (attribute.rta_type == UNIX_DIAG_VFS && attribute.rta_len >= RTA_LENGTH(sizeof(name))) {
      unix_diag_vfs found;
      std::memcpy(&found, at + RTA_LENGTH(0), sizeof(found));
      return found.udiag_vfs_ino == name.udiag_vfs_ino && found.udiag_vfs_dev == name.udiag_vfs_dev;
    }
    const size_t step = RTA_ALIGN(attribute.rta_len);
    if (step >= left) return false;
    at += step;
    left -= step;
  }
  return false;
}

SocketHolder Read(int fd, const unix_diag_vfs& name) {
  alignas(nlmsghdr) char buffer[32768];
  for (;;) {
    const ssize_t bytes = recv(fd, buffer, sizeof(buffer), MSG_TRUNC);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes <= 0 || static_cast<size_t>(bytes) > sizeof(buffer)) return SocketHolder::kUnknown;
    auto left = static_cast<uint32_t>(bytes);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_DONE) return SocketHolder::kNone;
      if (message->nlmsg_type == NLMSG_ERROR) return SocketHolder::kUnknown;
      if (IsBoundTo(message, name)) return SocketHolder::kSocket;
    }
  }
}

}  // namespace

SocketHolder FindSocketHolder(const struct stat& file) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) return SocketHolder::kUnknown;
  const SocketHolder holder = Ask(fd) ? Read(fd, NameOf(file)) : SocketHolder::kUnknown;
  close(fd);
  return holder;
}

}  // namespace sluice::core
