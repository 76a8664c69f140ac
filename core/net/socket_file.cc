#include "core/net/socket_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "core/net/unix_diag.h"

namespace sluice::core {
namespace {

constexpr int kLockPatience = 250;  // ms

FileId IdOf(const struct stat& info) { return {.device = info.st_dev, .inode = info.st_ino}; }

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Holds the lock of the directory of `path`, as far as it can be had.
class DirectoryLock {
 public:
  explicit DirectoryLock(const std::string& path)
      : fd_(open(DirectoryOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (fd_ < 0) return;
    for (int waited = 0; flock(fd_, LOCK_EX | LOCK_NB) != 0; ++waited) {
      if ((errno != EWOULDBLOCK && errno != EINTR) || waited == kLockPatience) return;
      const timespec nap = {.tv_sec = 0, .tv_nsec = 1'000'000};
      nanosleep(&nap, nullptr);
    }
  }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  ~DirectoryLock() {
    if (fd_ >= 0) close(fd_);
  }

 private:
  const int fd_;
};

// False also when this cannot be found out.
bool RefusesConnections(const Address& address) {
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const bool refused = connect(probe, address.get(), address.size()) != 0 && errno == ECONNREFUSED;
  close(probe);
  return refused;
}

enum class Path {
  kFree,
  kStale,  // a socket's file that is not in use: left by a killed process
  kTaken,
};

// `file.live` is set when only a connection could tell.
Path Inspect(const Address& address, const std::string& path, SocketFile& file) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) return errno == ENOENT ? Path::kFree : Path::kTaken;
  if (!S_ISSOCK(info.st_mode)) return Path::kTaken;
  if (IdOf(info) == file.live) return Path::kTaken;
  if (FindSocketHolder(info) == SocketHolder::kSocket) return Path::kTaken;
  if (RefusesConnections(address)) return Path::kStale;
  file.live = IdOf(info);
  return Path::kTaken;
}

// `fd` was opened with O_PATH: fchmod(2) does not take it.
int ChangeMode(int fd, mode_t mode) {
  const std::string name = absl::StrCat("/proc/self/fd/", fd);
  if (chmod(name.c_str(), mode) == 0) return 0;
  if (errno != ENOENT && errno != ENOTDIR) return errno;
  constexpr long kFchmodat2 = 452;  // where /proc is not mounted; Linux 6.6
  return syscall(kFchmodat2, fd, "", mode, AT_EMPTY_PATH) == 0 ? 0 : errno;
}

// The file that bind(2) has just made, and no other that was put in its place: a link to another
// one has another kind, a hard link has two names.
int SetOwnerAndMode(const ListenOptions& options, const SocketFile& file) {
  const bool owned = options.unix_uid >= 0 || options.unix_gid >= 0;
  if (!owned && options.unix_mode < 0) return 0;
  const int fd = open(file.path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno;
  struct stat info;
  int error = fstat(fd, &info) == 0 ? 0 : errno;
  if (error == 0 && (!S_ISSOCK(info.st_mode) || IdOf(info) != file.id || info.st_nlink != 1)) {
    error = EADDRINUSE;
  }
  if (error == 0 && owned &&
      fchownat(fd, "", static_cast<uid_t>(options.unix_uid), static_cast<gid_t>(options.unix_gid),
               AT_EMPTY_PATH) != 0) {
    error = errno;
  }
  constexpr mode_t kPermissions = 07777;
  const auto mode = static_cast<mode_t>(options.unix_mode);
  if (error == 0 && options.unix_mode >= 0 && (info.st_mode & kPermissions) != mode) {
    error = ChangeMode(fd, mode);
  }
  close(fd);
  return error;
}

// Whether the path names the socket's file of this process that it named before.
bool StillNames(const SocketFile& file) {
  struct stat info;
  return lstat(file.path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode) && IdOf(info) == file.id;
}

int Bind(int fd, const Address& address, const std::string& path, const ListenOptions& options,
         SocketFile& file) {
  file.id = {};
  // The file begins with what is wanted less the umask, so that it is at no time open to more.
  if (options.unix_mode >= 0 && fchmod(fd, static_cast<mode_t>(options.unix_mode)) != 0) {
    return errno;
  }
  if (bind(fd, address.get(), address.size()) != 0) return errno;
  file.path = path;
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) return errno;
  if (!S_ISSOCK(info.st_mode)) return EADDRINUSE;
  file.id = IdOf(info);
  if (const int error = SetOwnerAndMode(options, file)) return error;
  if (listen(fd, options.backlog) != 0) return errno;
  return StillNames(file) ? 0 : EADDRINUSE;
}

}  // namespace

int ListenAtPath(int fd, const Address& address, const ListenOptions& options, SocketFile& file) {
  const std::string path(address.unix_name());
  // A path that is taken needs no lock: it may be tried again and again.
  if (Inspect(address, path, file) == Path::kTaken) return EADDRINUSE;
  const DirectoryLock lock(path);
  const Path found = Inspect(address, path, file);
  if (found == Path::kTaken) return EADDRINUSE;
  if (found == Path::kStale && unlink(path.c_str()) != 0 && errno != ENOENT) return errno;
  const int error = Bind(fd, address, path, options, file);
  if (error == 0) return 0;
  if (StillNames(file)) unlink(file.path.c_str());
  file.path.clear();
  return error;
}

void RemoveFile(const SocketFile& file) {
  if (file.path.empty()) return;
  const DirectoryLock lock(file.path);
  if (StillNames(file)) unlink(file.path.c_str());
}

}  // namespace sluice::core
