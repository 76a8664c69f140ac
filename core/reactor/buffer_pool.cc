#include "core/reactor/buffer_pool.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <new>

#include "core/base/check.h"

namespace sluice::core {

namespace {

// Reserved, not touched: a page costs memory from its first use on. Null: not granted.
void* ReserveMemory(size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

size_t PageSize() {
  static const auto bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

BufferPool::BufferPool(size_t count, size_t buffer_size, std::function<void()> wake_owner)
    : count_(count), buffer_size_(buffer_size), wake_owner_(std::move(wake_owner)) {
  SLUICE_CHECK(count > 0 && count <= UINT32_MAX);
  headers_ = static_cast<Buffer*>(ReserveMemory(count * sizeof(Buffer)));
  if (headers_ != nullptr) memory_ = static_cast<std::byte*>(ReserveMemory(count * buffer_size));
}

BufferPool::~BufferPool() {
  CollectRemote();
  SLUICE_CHECK(taken_ == 0);  // I1: no lease outlives its pool
  if (memory_ != nullptr) munmap(memory_, count_ * buffer_size_);
  if (headers_ != nullptr) munmap(headers_, count_ * sizeof(Buffer));
}

Buffer* BufferPool::MakeFresh() {
  Buffer* buffer = new (headers_ + fresh_) Buffer;
  buffer->data = memory_ + fresh_ * buffer_size_;
  buffer->pool = this;
  buffer->capacity = static_cast<uint32_t>(buffer_size_);
  buffer->index = static_cast<uint32_t>(fresh_++);
  return buffer;
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
// cold. What one call leaves the next ones find: a worker is never away for long.
void BufferPool::Trim() {
  const size_t warm = most_taken_ - taken_;  // of the free ones, from the top
  most_taken_ = taken_;
  size_t depth = 0;
  size_t left = kTrimAtOnce;
  for (Buffer* buffer = free_; buffer != nullptr; buffer = static_cast<Buffer*>(buffer->next)) {
    if (depth++ < warm || !buffer->touched) continue;
    Forget(*buffer);
    if (--left == 0) return;
  }
}

void BufferPool::Forget(Buffer& buffer) {
  if (!buffer.touched) return;
  Keep(buffer);
  // A page that it shares with a neighbour stays: the kernel would give back all of it.
  const size_t page = PageSize();
  const size_t offset = size_t{buffer.index} * buffer_size_;
  const size_t begin = (offset + page - 1) / page * page;
  const size_t end = (offset + buffer_size_) / page * page;
  if (begin < end) madvise(memory_ + begin, end - begin, MADV_DONTNEED);
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

BufferReserve::BufferReserve(size_t count, size_t block_size)
    : block_size_(block_size), capacity_(static_cast<uint32_t>(block_size - sizeof(Buffer))) {
  SLUICE_CHECK(block_size % alignof(Buffer) == 0 && block_size > sizeof(Buffer));
  if (count == 0) return;
  memory_ = static_cast<std::byte*>(ReserveMemory(count * block_size));
  if (memory_ != nullptr) count_ = count;
}

BufferReserve::~BufferReserve() {
  SLUICE_CHECK(taken() == 0);
  if (memory_ != nullptr) munmap(memory_, count_ * block_size_);
}

Buffer* BufferReserve::Take() {
  const absl::MutexLock lock(&mutex_);
  Buffer* buffer = free_;
  if (buffer != nullptr) {
    free_ = static_cast<Buffer*>(buffer->next);
  } else {
    if (fresh_ == count_) return nullptr;
    std::byte* const block = memory_ + fresh_++ * block_size_;
    buffer = new (block) Buffer;
    buffer->data = block + sizeof(Buffer);
    buffer->reserve = this;
    buffer->capacity = capacity_;
  }
  taken_.store(taken() + 1, std::memory_order_relaxed);
  return buffer;
}

void BufferReserve::Release(Buffer* buffer) {
  constexpr size_t kWorthGivingBack = 256;  // blocks
  const absl::MutexLock lock(&mutex_);
  buffer->next = free_;
  free_ = buffer;
  taken_.store(taken() - 1, std::memory_order_relaxed);
  if (taken() != 0 || fresh_ < kWorthGivingBack) return;
  madvise(memory_, fresh_ * block_size_, MADV_DONTNEED);
  free_ = nullptr;
  fresh_ = 0;
}

}  // namespace sluice::core
