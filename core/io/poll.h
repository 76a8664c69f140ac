// Poll: waits until a descriptor is ready. `IoResult<uint32_t> events = co_await Poll(fd, POLLIN);`
#ifndef SLUICE_CORE_IO_POLL_H_
#define SLUICE_CORE_IO_POLL_H_

#include <cstdint>

#include "core/io/single_op.h"

namespace sluice::core {

// Waits until a descriptor of any kind is ready for `events`: POLLIN, or POLLOUT, or 0, which waits
// until it is broken (POLLERR or POLLHUP; a peer that has only finished sending breaks nothing).
class [[nodiscard]] Poll : public SingleOp<uint32_t> {
 public:
  Poll(int fd, uint32_t events) : SingleOp(OpKind::kPoll, fd) { op_.events = events; }
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_POLL_H_
