#include "proxy/app/standard_descriptors.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace sluice::proxy {

void OpenStandardDescriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number, which is this one. Where there is no /dev, a directory does as well:
    // all that matters is that the number is taken.
    if (open("/dev/null", O_RDONLY) < 0) (void)open("/", O_PATH | O_DIRECTORY);
  }
}

}  // namespace sluice::proxy
