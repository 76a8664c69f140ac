#include "core/reactor/wakeup.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace sluice::core {

IoResult<int> Wakeup::Open() {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) return IoError(errno);
  return fd;
}

Wakeup::~Wakeup() { close(fd_); }

bool Wakeup::Signal() {
  const uint64_t one = 1;
  // EAGAIN: it has been written to so often that it is readable for ever.
  if (write(fd_, &one, sizeof(one)) > 0 || errno == EAGAIN) return true;
  flag_.TakeBack();
  return false;
}

}  // namespace sluice::core
