#include "proxy/listener/listen_error.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"

namespace sluice::proxy {
namespace {

// The first port that needs no privilege.
int FirstUnprivilegedPort() {
  int port = 1024;
  if (std::FILE* file = std::fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re")) {
    if (std::fscanf(file, "%d", &port) != 1) port = 1024;
    std::fclose(file);
  }
  return port;
}

// What stands in the way, where the errno does not say it.
std::string Obstacle(const core::Address& address, const core::ListenOptions& options, int error) {
  if (!address.is_unix()) return "";
  const std::string path(address.unix_name());
  struct stat info;
  if (error == EADDRINUSE && address.has_path() && lstat(path.c_str(), &info) == 0 &&
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

// What the operator can do.
std::string Remedy(const core::Address& address, int error) {
  if (error == EADDRINUSE) {
    const std::string command = HowToFindOwner(address);
    return command.empty() ? "" : absl::StrCat(" (", command, ")");
  }
  const int port = address.port();
  const int first = FirstUnprivilegedPort();
  if ((error == EACCES || error == EPERM) && port > 0 && port < first) {
    return absl::StrCat(" (ports below ", first,
                        " need the capability CAP_NET_BIND_SERVICE; or set "
                        "net.ipv4.ip_unprivileged_port_start to at most ",
                        port, ")");
  }
  if (error == EADDRNOTAVAIL) return " (no interface of this host has this address)";
  return "";
}

}  // namespace

std::string HowToFindOwner(const core::Address& address) {
  const int port = address.port();
  if (port == 0) return "";
  return absl::StrCat("to see which process listens there: ss -ltnp 'sport = :", port, "'");
}

std::string ListenError(const std::string& listener, const core::Address& address,
                        const core::ListenOptions& options, int error) {
  const bool is_congestion = error == ENOENT && address.is_ip();
  const char* const description = strerrordesc_np(error);
  return absl::StrCat(
      "listener ", listener, ": cannot ",
      is_congestion ? absl::StrCat("use the congestion control ", options.connection.congestion)
                    : "listen",
      " on ", address.ToString(), Obstacle(address, options, error), ": ",
      description == nullptr ? absl::StrCat("error ", error) : description, Remedy(address, error));
}

}  // namespace sluice::proxy
