// operator new and delete on top of malloc, and when that fails, of the HeapReserve in use: see
// shortage.h. All of them, or the allocator's own would come along. Those with an alignment ask no
// reserve: nothing needs them once the proxy serves.

#include <cstddef>
#include <cstdlib>
#include <new>

#include "proxy/memory/heap_reserve.h"
#include "proxy/memory/shortage.h"

extern "C" {
// jemalloc's free for a caller that knows the size, which is faster. Weak: other allocators have
// none.
[[gnu::weak]] void sdallocx(void* block, size_t size, int flags);
}

namespace {

using sluice::proxy::HeapReserve;
using sluice::proxy::reserve_in_use;

[[gnu::cold, gnu::noinline]] void* Reserved(size_t size) noexcept {
  HeapReserve* reserve = reserve_in_use.load(std::memory_order_acquire);
  return reserve == nullptr ? nullptr : reserve->Allocate(size);
}

void* Allocate(size_t size) noexcept {
  if (void* block = std::malloc(size)) [[likely]]
    return block;
  return Reserved(size);
}

bool IsReserved(void* block) noexcept {
  HeapReserve* reserve = reserve_in_use.load(std::memory_order_acquire);
  return reserve != nullptr && reserve->Free(block);
}

void Free(void* block) noexcept {
  if (!IsReserved(block)) std::free(block);
}

void FreeSized(void* block, size_t size) noexcept {
  if (IsReserved(block)) return;
  if (sdallocx != nullptr && block != nullptr) {
    sdallocx(block, size == 0 ? 1 : size, 0);
  } else {
    std::free(block);
  }
}

void* OrThrow(void* block) {
  if (block == nullptr) throw std::bad_alloc();  // the language's contract; it ends the process
  return block;
}

void* AllocateAligned(size_t size, std::align_val_t alignment) noexcept {
  void* block = nullptr;
  return posix_memalign(&block, static_cast<size_t>(alignment), size) == 0 ? block : nullptr;
}

}  // namespace

void* operator new(size_t size) { return OrThrow(Allocate(size)); }
void* operator new[](size_t size) { return OrThrow(Allocate(size)); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return Allocate(size); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return Allocate(size); }
void* operator new(size_t size, std::align_val_t alignment) {
  return OrThrow(AllocateAligned(size, alignment));
}
void* operator new[](size_t size, std::align_val_t alignment) {
  return OrThrow(AllocateAligned(size, alignment));
}
void* operator new(size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return AllocateAligned(size, alignment);
}
void* operator new[](size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return AllocateAligned(size, alignment);
}

void operator delete(void* block) noexcept { Free(block); }
void operator delete[](void* block) noexcept { Free(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { Free(block); }
void operator delete[](void* block, const std::nothrow_t&) noexcept { Free(block); }
void operator delete(void* block, size_t size) noexcept { FreeSized(block, size); }
void operator delete[](void* block, size_t size) noexcept { FreeSized(block, size); }
void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete[](void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, size_t, std::align_val_t) noexcept { std::free(block); }
void operator delete[](void* block, size_t, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t, const std::nothrow_t&) noexcept {
  std::free(block);
}
void operator delete[](void* block, std::align_val_t, const std::nothrow_t&) noexcept {
  std::free(block);
}
