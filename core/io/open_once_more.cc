#include "core/io/open_once_more.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <string>

namespace sluice::core {
namespace {

bool IsMasterOfTerminal(int fd) {
  int number;
  return ioctl(fd, TIOCGPTN, &number) == 0;
}

}  // namespace

bool IsPipeOrTerminal(int fd, const struct stat& about) {
  return S_ISFIFO(about.st_mode) || (S_ISCHR(about.st_mode) && isatty(fd) == 1);
}

int OpenOnceMore(int fd, int access) {
  if (IsMasterOfTerminal(fd)) return -1;
  const std::string name = "/proc/self/fd/" + std::to_string(fd);
  return open(name.c_str(), access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

}  // namespace sluice::core
