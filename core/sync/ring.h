// Ring<T>: at most so many values, first in, first out, in memory that is allocated once. Internal:
// the queue of a bounded channel.
//
//     Ring<T> ring(100);
//     ring.Push(std::move(value));   // not when full
//     T first = ring.Pop();          // not when empty
//
// Threads: one at a time.
// Checked by: tests/core/sync/ring_test.cc.
#ifndef SLUICE_CORE_SYNC_RING_H_
#define SLUICE_CORE_SYNC_RING_H_

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

#include "core/base/check.h"

namespace sluice::core::internal {

template <typename T>
class Ring {
 public:
  Ring() = default;  // for nothing
  explicit Ring(size_t capacity) : slots_(new Slot[capacity]), capacity_(capacity) {}
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() {
    while (size_ > 0) (void)Pop();
  }

  size_t size() const { return size_; }

  void Push(T&& value) {
    SLUICE_DCHECK(size_ < capacity_);
    size_t last = first_ + size_;
    if (last >= capacity_) last -= capacity_;
    new (&slots_[last].value) T(std::move(value));
    ++size_;
  }

  T Pop() {
    SLUICE_DCHECK(size_ > 0);
    T& first = slots_[first_].value;
    T value(std::move(first));
    first.~T();
    if (++first_ == capacity_) first_ = 0;
    --size_;
    return value;
  }

  void swap(Ring& other) noexcept {
    std::swap(slots_, other.slots_);
    std::swap(capacity_, other.capacity_);
    std::swap(first_, other.first_);
    std::swap(size_, other.size_);
  }

 private:
  union Slot {
    Slot() {}
    ~Slot() {}
    T value;
  };

  std::unique_ptr<Slot[]> slots_;
  size_t capacity_ = 0;
  size_t first_ = 0;
  size_t size_ = 0;
};

}  // namespace sluice::core::internal

#endif  // SLUICE_CORE_SYNC_RING_H_
