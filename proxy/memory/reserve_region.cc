#include "proxy/memory/reserve_region.h"

#include <sys/mman.h>

#include <bit>

#include "core/base/check.h"

namespace sluice::proxy {

// What stands before the caller's bytes, which are aligned as malloc's are.
struct alignas(16) ReserveRegion::Block {
  union {
    size_t size_class;
    Block* next;  // while it is free
  };
};

size_t ReserveRegion::ClassOf(size_t size) {
  const size_t steps = (size + kStep - 1) / kStep;
  if (steps <= kSteps) return steps == 0 ? 0 : steps - 1;
  return kSteps - 1 + std::bit_width((steps - 1) / kSteps);
}

size_t ReserveRegion::SizeOf(size_t size_class) {
  if (size_class < kSteps) return (size_class + 1) * kStep;
  return kSteps * kStep << (size_class - kSteps + 1);
}

bool ReserveRegion::Map(size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  madvise(memory, bytes, MADV_NOHUGEPAGE);  // the first block would cost 2 MiB
  memory_ = static_cast<std::byte*>(memory);
  size_ = bytes;
  return true;
}

void ReserveRegion::Unmap() {
  SLUICE_CHECK(empty());
  if (mapped()) munmap(memory_, size_);
  memory_ = nullptr;
  size_ = 0;
}

void* ReserveRegion::Allocate(size_t size) {
  if (size >= size_) return nullptr;
  const size_t size_class = ClassOf(size + sizeof(Block));
  if (size_class >= kClasses) return nullptr;
  Block* block = free_[size_class];
  if (block != nullptr) {
    free_[size_class] = block->next;
  } else {
    const size_t bytes = SizeOf(size_class);
    if (bytes > size_ - fresh_) return nullptr;
    block = reinterpret_cast<Block*>(memory_ + fresh_);
    fresh_ += bytes;
  }
  block->size_class = size_class;
  ++blocks_;
  return block + 1;
}

void ReserveRegion::Free(void* memory) {
  constexpr size_t kMany = size_t{256} << 10;
  Block* block = static_cast<Block*>(memory) - 1;
  const size_t size_class = block->size_class;
  block->next = free_[size_class];
  free_[size_class] = block;
  if (--blocks_ > 0) return;
  if (fresh_ > kMany) madvise(memory_, fresh_, MADV_DONTNEED);
  fresh_ = 0;
  free_ = {};
}

}  // namespace sluice::proxy
