#include "core/io/pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "core/io/stream_socket.h"

namespace sluice::core {

void PipeEnd::Close() {
  if (const int fd = Release(); fd >= 0) CloseDescriptor(fd);
}

PipeEnd& PipeEnd::operator=(PipeEnd&& other) noexcept {
  if (this == &other) return *this;
  Close();
  fd_ = other.Release();
  lane_ = other.lane_;
  return *this;
}

IoResult<Pipe> Pipe::Make() {
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return IoError(errno);
  return Pipe{PipeReader(ends[0]), PipeWriter(ends[1])};
}

}  // namespace sluice::core
