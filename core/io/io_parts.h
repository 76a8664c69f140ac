// IoParts: pieces of memory as the system calls want them: at most kMostParts of them, and
// kMostAtOnce bytes.
#ifndef SLUICE_CORE_IO_IO_PARTS_H_
#define SLUICE_CORE_IO_IO_PARTS_H_

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "core/io/socket_attempts.h"

namespace sluice::core {

class IoParts {
 public:
  explicit IoParts(std::span<const std::span<const std::byte>> parts) {
    size_t left = kMostAtOnce;
    for (const std::span<const std::byte> part : parts) {
      if (count_ == vector_.size() || left == 0) break;
      const size_t size = std::min(part.size(), left);
      left -= size;
      vector_[count_++] = {.iov_base = const_cast<std::byte*>(part.data()), .iov_len = size};
    }
  }
  IoParts(const IoParts&) = delete;
  IoParts& operator=(const IoParts&) = delete;

  const iovec* data() const { return vector_.data(); }
  int count() const { return static_cast<int>(count_); }
  // Valid as long as this.
  msghdr Message() {
    return {.msg_name = nullptr,
            .msg_namelen = 0,
            .msg_iov = vector_.data(),
            .msg_iovlen = count_,
            .msg_control = nullptr,
            .msg_controllen = 0,
            .msg_flags = 0};
  }

 private:
  std::array<iovec, kMostParts> vector_;
  size_t count_ = 0;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_IO_PARTS_H_
