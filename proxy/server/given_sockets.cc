#include "proxy/server/given_sockets.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/net/address.h"
#include "core/net/socket_api.h"
#include "proxy/server/listener_store.h"

namespace sluice::proxy {
namespace {

constexpr int kFirst = 3;
constexpr int kMost = 1 << 16;

std::string TakeVariable(const char* name) {
  const char* const value = std::getenv(name);
  std::string result = value == nullptr ? "" : value;
  unsetenv(name);
  return result;
}

// Why it is of no use, or "".
std::string UselessBecause(int fd) {
  int value = 0;
  socklen_t size = sizeof(value);
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size) != 0) return "is no socket";
  if (value != SOCK_STREAM) return "is not a socket for streams";
  size = sizeof(value);
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) != 0 || value == 0) {
    return "does not listen";
  }
  return "";
}

// The file that a stored UNIX socket has; none if it has gone, or another kind has its place.
std::optional<core::SocketFile> FileOf(const core::Address& address) {
  if (!address.has_path()) return core::SocketFile();
  std::string path(address.unix_name());
  struct stat info;
  if (lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return std::nullopt;
  return core::SocketFile{
      .path = std::move(path), .id = {.device = info.st_dev, .inode = info.st_ino}, .live = {}};
}

void Add(int fd, const std::string& name, GivenSockets& given) {
  const auto leave = [&](const std::string& why) {
    given.remarks.push_back(
        absl::StrCat("LISTEN_FDS: descriptor ", fd, " (", name, ") ", why, ": it is closed"));
    close(fd);
  };
  const std::optional<std::string> stored = StoredAddress(name);
  if (stored) given.stored.push_back(name);
  if (const std::string why = UselessBecause(fd); !why.empty()) return leave(why);
  const core::Address bound = core::SocketApi().LocalAddress(fd);
  InheritedSocket socket{
      .socket = {.address = stored.value_or(bound.ToString())}, .fd = fd, .has_options = false};
  if (stored) {
    const std::optional<core::SocketFile> file = FileOf(bound);
    if (!file) return leave("has lost its file");
    socket.socket.file = file->path;
    socket.socket.file_id = file->id;
  }
  given.sockets.push_back(std::move(socket));
}

}  // namespace

GivenSockets TakeGivenSockets() {
  const std::string process = TakeVariable("LISTEN_PID");
  const std::string number = TakeVariable("LISTEN_FDS");
  const std::string all_names = TakeVariable("LISTEN_FDNAMES");
  GivenSockets given;
  int pid = 0;
  int count = 0;
  const bool is_ours = absl::SimpleAtoi(process, &pid) && pid == getpid();
  if (!is_ours || !absl::SimpleAtoi(number, &count) || count <= 0 || count > kMost) return given;
  const std::vector<std::string> names = absl::StrSplit(all_names, ':');
  for (int i = 0; i < count; ++i) {
    const int fd = kFirst + i;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) continue;  // it is not there
    const auto index = static_cast<size_t>(i);
    Add(fd, index < names.size() ? names[index] : "unknown", given);
  }
  return given;
}

}  // namespace sluice::proxy
