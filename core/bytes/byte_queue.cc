#include "core/bytes/byte_queue.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sluice::core {

std::span<std::byte> ByteQueue::Space(size_t most) {
  if (begin_ == end_) begin_ = end_ = 0;
  // A small rest behind much that is used moves to the front: else reads into what little is free
  // behind it would become many.
  const bool small_rest = end_ > capacity_ / 2 && size() <= capacity_ / 4;
  if (begin_ > 0 && (end_ == capacity_ || small_rest)) {
    std::memmove(memory_.get(), memory_.get() + begin_, size());
    end_ -= std::exchange(begin_, 0);
  }
  if (end_ == capacity_) {
    const size_t wanted = std::max(first_, std::min(2 * capacity_, std::max(most, capacity_ + 1)));
    auto grown = std::make_unique_for_overwrite<std::byte[]>(wanted);
    if (end_ > 0) std::memcpy(grown.get(), memory_.get(), end_);
    memory_ = std::move(grown);
    capacity_ = wanted;
  }
  return {memory_.get() + end_, capacity_ - end_};
}

void ByteQueue::Trim() {
  if (!empty() || capacity_ <= first_) return;
  memory_.reset();
  capacity_ = begin_ = end_ = 0;
}

}  // namespace sluice::core
