#include "conf/sources.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"

namespace sluice::conf {
namespace {

constexpr uint64_t kStart = 0xcbf29ce484222325;
constexpr uint64_t kPrime = 0x100000001b3;

uint64_t GoOn(uint64_t digest, std::string_view text) {
  for (const char c : text) digest = (digest ^ static_cast<unsigned char>(c)) * kPrime;
  return digest;
}

// `flags`: of open(2), besides those for reading. True: it is read like a file on a disk.
bool ReadFile(const std::string& path, int flags, size_t max_bytes, FileText& file) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | flags);
  if (fd < 0) {
    file.error = errno;
    return true;
  }
  const absl::Cleanup close_fd = [fd] { close(fd); };
  struct stat info;
  const bool is_source = fstat(fd, &info) != 0 || S_ISREG(info.st_mode) || S_ISDIR(info.st_mode);
  if (!is_source && (flags & O_NONBLOCK) != 0) return false;
  std::array<char, 65536> chunk;
  while (file.text.size() <= max_bytes) {
    const ssize_t count = read(fd, chunk.data(), chunk.size());
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {  // EISDIR for a directory
      file.error = errno;
      break;
    }
    file.text.append(chunk.data(), static_cast<size_t>(count));
  }
  file.text.resize(std::min(file.text.size(), max_bytes + 1));
  return is_source;
}

uint64_t DigestOfFile(const FileText& file) { return file.error == 0 ? DigestOf(file.text) : 0; }

}  // namespace

uint64_t DigestOf(std::string_view text) { return std::max<uint64_t>(GoOn(kStart, text), 1); }

uint64_t DigestOf(const std::vector<std::string>& names) {
  uint64_t digest = kStart;
  for (const std::string& name : names) digest = GoOn(GoOn(digest, name), std::string_view("", 1));
  return std::max<uint64_t>(digest, 1);
}

std::vector<std::string> FilesOf(const std::string& pattern) {
  std::vector<std::string> found;
  glob_t matches{};
  if (glob(pattern.c_str(), 0, nullptr, &matches) == 0) {
    found.assign(matches.gl_pathv, matches.gl_pathv + matches.gl_pathc);
  }
  globfree(&matches);
  std::ranges::sort(found);  // whatever the locale says
  return found;
}

FileText ReadSource(const std::string& path, Sources& sources, size_t max_bytes) {
  FileText file;
  if (ReadFile(path, /*flags=*/0, max_bytes, file)) {
    sources.push_back({.path = path, .digest = DigestOfFile(file), .max_bytes = max_bytes});
  }
  return file;
}

FileText ReadRegularFile(const std::string& path) {
  FileText file;
  if (!ReadFile(path, O_NONBLOCK, kMaxFileBytes, file)) file.error = ESPIPE;
  return file;
}

std::string WhyUnreadable(const std::string& path, int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return path == "-" ? "no such file; standard input is /dev/stdin" : "no such file";
    case EISDIR:
      return "this is a directory, not a file";
    case EACCES:
    case EPERM:
      return "this process has no permission to read the file";
    case ENXIO:
      return "this is a socket or a device that cannot be read";
    default:
      return std::string("the file cannot be read: ") + strerrordesc_np(error);
  }
}

std::string RelativeTo(const std::string& path, const std::string& name) {
  const size_t slash = path.rfind('/');
  if (name.starts_with('/') || slash == std::string::npos) return name;
  return path.substr(0, slash + 1) + name;
}

Sources LookAgain(const Sources& sources) {
  Sources now;
  for (const Source& source : sources) {
    Source& again = now.emplace_back(source);
    if (source.is_pattern) {
      again.digest = DigestOf(FilesOf(source.path));
      continue;
    }
    FileText file;
    // What has become a pipe has changed; it is not read here.
    const bool is_source = ReadFile(source.path, O_NONBLOCK, source.max_bytes, file);
    again.digest = is_source ? DigestOfFile(file) : ~source.digest;
  }
  return now;
}

}  // namespace sluice::conf
