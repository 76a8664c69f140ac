// ByteQueue: bytes that have been read and not been used, in one piece; its memory grows with them.
//
//     [ used │ bytes()                 │ Space()        ]
//            begin                     end
#ifndef SLUICE_CORE_BYTES_BYTE_QUEUE_H_
#define SLUICE_CORE_BYTES_BYTE_QUEUE_H_

#include <cstddef>
#include <memory>
#include <span>

#include "core/base/check.h"

namespace sluice::core {

class ByteQueue {
 public:
  // `first`: bytes that it begins with, when it needs any.
  explicit ByteQueue(size_t first) : first_(first) {}

  std::span<const std::byte> bytes() const { return {memory_.get() + begin_, end_ - begin_}; }
  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }

  // Free memory behind the bytes, at least one byte; what bytes() has told may move. It doubles
  // when there is none, but not beyond what `most` bytes of content need.
  std::span<std::byte> Space(size_t most);
  void Add(size_t count) {
    SLUICE_DCHECK(count <= capacity_ - end_);
    end_ += count;
  }
  void Remove(size_t count) {
    SLUICE_DCHECK(count <= size());
    begin_ += count;
  }

  // Gives the memory back if it has grown and is not used.
  void Trim();
  size_t capacity() const { return capacity_; }

 private:
  const size_t first_;
  std::unique_ptr<std::byte[]> memory_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_BYTES_BYTE_QUEUE_H_
