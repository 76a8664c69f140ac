#include "proxy/listener/listen_error.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace sluice::proxy {
namespace {

// What stands in the way, where the errno does not say it.
std::string Obstacle(const conf::Address& address, const core::ListenOptions& options, int error) {
  if (address.family() != AF_UNIX) return "";
  const char* path = reinterpret_cast<const sockaddr_un*>(address.get())->sun_path;
  struct stat info;
  if (error == EADDRINUSE && path[0] != '\0' && lstat(path, &info) == 0 &&
      !S_ISSOCK(info.st_mode)) {
    return ", a path that a file of another kind has";
  }
  if (error == EPERM && (options.unix_uid >= 0 || options.unix_gid >= 0)) {
    const auto number = [](int64_t id) { return id < 0 ? "unchanged" : absl::StrCat(id); };
    return absl::StrCat(", whose file shall belong to another (user ", number(options.unix_uid),
                        ", group ", number(options.unix_gid), ")");
  }
  return "";
}

}  // namespace

absl::Status ListenError(const std::string& listener, const conf::Address& address,
                         const core::ListenOptions& options, int error) {
  const bool is_congestion = error == ENOENT && address.is_ip();
  return absl::ErrnoToStatus(
      error, absl::StrCat("listener ", listener, ": cannot ",
                          is_congestion ? absl::StrCat("use the congestion control ",
                                                       options.connection.congestion)
                                        : "listen",
                          " on ", address.ToString(), Obstacle(address, options, error)));
}

}  // namespace sluice::proxy
