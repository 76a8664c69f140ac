#include "core/reactor/blocking_calls.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace sluice::core {
namespace {

int64_t Call(const FileOp& op) {
  void* const room = const_cast<void*>(op.data);
  const bool at_position = op.offset == kAtPosition;
  switch (op.kind) {
    case OpKind::kRead:
      return at_position ? read(op.fd, room, op.size) : pread(op.fd, room, op.size, op.offset);
    case OpKind::kWrite:
      return at_position ? write(op.fd, op.data, op.size)
                         : pwrite(op.fd, op.data, op.size, op.offset);
    case OpKind::kOpen:
      return openat(op.fd, static_cast<const char*>(op.data),
                    static_cast<int>(op.flags) | O_CLOEXEC, op.mode);
    default:
      SLUICE_CHECK(false);
  }
}

}  // namespace

int32_t CallFor(const FileOp& op) {
  for (;;) {
    const int64_t result = Call(op);
    if (result >= 0) return static_cast<int32_t>(result);
    if (errno != EINTR) return -errno;
  }
}

}  // namespace sluice::core
