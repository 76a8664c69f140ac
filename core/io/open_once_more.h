// OpenOnceMore: a pipe or a terminal once more, with flags of its own. O_NONBLOCK belongs to an
// open file, which every copy of a descriptor shares, here and in other processes.
#ifndef SLUICE_CORE_IO_OPEN_ONCE_MORE_H_
#define SLUICE_CORE_IO_OPEN_ONCE_MORE_H_

#include <sys/stat.h>

namespace sluice::core {

// A pipe or a terminal. `about`: what fstat says.
bool IsPipeOrTerminal(int fd, const struct stat& about);

// With O_NONBLOCK, close-on-exec; `access`: O_RDONLY, O_WRONLY or O_RDWR. -1 if that cannot be: it
// is another user's, or the end of a terminal that a terminal emulator has (opening that makes
// another terminal), or no descriptor is left, or a pipe that no one reads is to be written.
int OpenOnceMore(int fd, int access);

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_OPEN_ONCE_MORE_H_
