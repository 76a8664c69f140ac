// Send: bytes to a socket. `IoResult<size_t> sent = co_await Send(fd, bytes);`
#ifndef SLUICE_CORE_IO_SEND_H_
#define SLUICE_CORE_IO_SEND_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/io/single_op.h"

namespace sluice::core {

// Bytes taken by the kernel: at least one, perhaps not all. `bytes` stays valid until the end.
class [[nodiscard]] Send : public SingleOp<size_t> {
 public:
  Send(int fd, std::span<const std::byte> bytes) : SingleOp(OpKind::kSend, fd) {
    op_.data = bytes.data();
    op_.size = static_cast<uint32_t>(bytes.size());
  }
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_SEND_H_
