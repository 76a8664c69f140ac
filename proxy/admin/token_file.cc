#include "proxy/admin/token_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace sluice::proxy {

absl::StatusOr<std::string> ReadToken(const std::string& given_by, const std::string& path) {
  const std::string what = absl::StrCat(given_by, " ", path);
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", what));
  const absl::Cleanup close_fd = [fd] { close(fd); };
  struct stat info;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(what, " is no file"));
  }
  std::array<char, 1024> buffer;
  const ssize_t size = read(fd, buffer.data(), buffer.size());
  if (size < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", what));
  absl::string_view text(buffer.data(), static_cast<size_t>(size));
  text = absl::StripAsciiWhitespace(text.substr(0, text.find('\n')));
  if (text.empty()) return absl::InvalidArgumentError(absl::StrCat(what, " has no token"));
  return std::string(text);
}

}  // namespace sluice::proxy
