#include "core/buffer_pool.h"

#include <sys/mman.h>

#include "core/check.h"

namespace sluice::core {

BufferPool::BufferPool(size_t count, size_t buffer_size, std::function<void()> wake_owner)
    : count_(count),
      buffer_size_(buffer_size),
      wake_owner_(std::move(wake_owner)),
      headers_(new Buffer[count]) {
  SLUICE_CHECK(count > 0 && count <= 65536);
  // Reserved, not touched: a page costs memory from its first use on.
  void* memory = mmap(nullptr, count * buffer_size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  SLUICE_CHECK(memory != MAP_FAILED);
  memory_ = static_cast<std::byte*>(memory);
  for (size_t i = count; i-- > 0;) {  // so that the first is on top
    Buffer& buffer = headers_[i];
    buffer.data = memory_ + i * buffer_size;
    buffer.pool = this;
    buffer.capacity = static_cast<uint32_t>(buffer_size);
    buffer.index = static_cast<uint16_t>(i);
    buffer.next = free_;
    free_ = &buffer;
  }
}

BufferPool::~BufferPool() {
  CollectRemote();
  SLUICE_CHECK(taken_ == 0);  // I1: no lease outlives its pool
  munmap(memory_, count_ * buffer_size_);
}

void BufferPool::Release(Buffer* buffer, bool owner) {
  if (owner) {
    buffer->next = free_;
    free_ = buffer;
    --taken_;
    return;
  }
  Buffer* top = remote_.load(std::memory_order_relaxed);
  do {
    buffer->next = top;
  } while (!remote_.compare_exchange_weak(top, buffer, std::memory_order_release,
                                          std::memory_order_relaxed));
  AtomicFence(std::memory_order_seq_cst);
  if (wanted_.load(std::memory_order_relaxed)) wake_owner_();
}

// The free list is last in, first out, so what lies below the deepest use since the last call is
// cold.
void BufferPool::Trim() {
  const size_t warm = most_taken_ - taken_;  // of the free ones, from the top
  most_taken_ = taken_;
  size_t depth = 0;
  for (Buffer* buffer = free_; buffer != nullptr; buffer = static_cast<Buffer*>(buffer->next)) {
    if (depth++ >= warm) Forget(*buffer);
  }
}

void BufferPool::Forget(Buffer& buffer) {
  if (!buffer.touched) return;
  buffer.touched = false;
  --touched_;
  madvise(buffer.data, buffer_size_, MADV_DONTNEED);
}

void BufferPool::CollectRemote() {
  if (remote_.load(std::memory_order_relaxed) == nullptr) return;
  Buffer* buffer = remote_.exchange(nullptr, std::memory_order_acquire);
  while (buffer != nullptr) {
    Buffer* next = static_cast<Buffer*>(buffer->next);
    buffer->next = free_;
    free_ = buffer;
    --taken_;
    buffer = next;
  }
}

}  // namespace sluice::core
