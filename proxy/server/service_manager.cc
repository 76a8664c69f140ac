#include "proxy/server/service_manager.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/net/address.h"

namespace sluice::proxy {

namespace {

ssize_t Send(int fd, const core::Address& address, std::string_view state, int descriptor) {
  iovec bytes = {.iov_base = const_cast<char*>(state.data()), .iov_len = state.size()};
  msghdr message = {};
  message.msg_name = const_cast<sockaddr*>(address.get());
  message.msg_namelen = address.size();
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (descriptor >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
  }
  return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace

ServiceManager FindServiceManager(bool is_successor) {
  ServiceManager manager;
  const char* const socket = std::getenv("NOTIFY_SOCKET");
  if (socket == nullptr || *socket == '\0') return manager;
  manager.socket = socket;
  const char* const time = std::getenv("WATCHDOG_USEC");
  const char* const process = std::getenv("WATCHDOG_PID");
  int pid = 0;
  const bool is_meant =
      process == nullptr || is_successor || (absl::SimpleAtoi(process, &pid) && pid == getpid());
  uint64_t microseconds = 0;
  constexpr uint64_t kMost = uint64_t{366} * 24 * 3600 * 1'000'000;
  if (time == nullptr || !is_meant || !absl::SimpleAtoi(time, &microseconds)) return manager;
  manager.watchdog = std::chrono::microseconds(std::min(microseconds, kMost));
  return manager;
}

absl::Status NotifyServiceManager(const std::string& socket, std::string_view state,
                                  int descriptor) {
  const absl::StatusOr<core::Address> address = core::Address::Parse(absl::StrCat("unix:", socket));
  if (!address.ok()) return address.status();
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, "cannot tell the service manager");
  const ssize_t sent = Send(fd, *address, state, descriptor);
  const int error = errno;
  close(fd);
  if (sent >= 0) return absl::OkStatus();
  return absl::ErrnoToStatus(error, "cannot tell the service manager");
}

absl::Status TellOfSuccessor(const std::string& socket, pid_t successor) {
  if (socket.empty()) return absl::OkStatus();
  return NotifyServiceManager(socket, absl::StrCat("MAINPID=", successor));
}

}  // namespace sluice::proxy
