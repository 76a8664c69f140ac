#include "proxy/server/service_manager.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "core/net/address.h"

namespace sluice::proxy {

absl::Status NotifyServiceManager(const std::string& socket, std::string_view state) {
  const absl::StatusOr<core::Address> address = core::Address::Parse(absl::StrCat("unix:", socket));
  if (!address.ok()) return address.status();
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, "cannot tell the service manager");
  const ssize_t sent = sendto(fd, state.data(), state.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                              address->get(), address->size());
  const int error = errno;
  close(fd);
  if (sent >= 0) return absl::OkStatus();
  return absl::ErrnoToStatus(error, "cannot tell the service manager");
}

}  // namespace sluice::proxy
