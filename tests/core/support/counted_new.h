// Counts what a test allocates: the operators new and delete of its program, on top of malloc. One
// file of a test includes it. Under ThreadSanitizer, whose library has operators that cannot be
// replaced, nothing is counted.
#ifndef SLUICE_TESTS_CORE_SUPPORT_COUNTED_NEW_H_
#define SLUICE_TESTS_CORE_SUPPORT_COUNTED_NEW_H_

#include <malloc.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SLUICE_COUNTS_NO_ALLOCATIONS
#endif
#endif

namespace sluice::core::testing {

#ifdef SLUICE_COUNTS_NO_ALLOCATIONS
inline constexpr bool kCountsAllocations = false;
#else
inline constexpr bool kCountsAllocations = true;
#endif

// By all threads, since the program began.
struct Allocations {
  std::atomic<int64_t> made{0};
  std::atomic<int64_t> freed{0};
  std::atomic<int64_t> bytes{0};  // of those that are not freed: what malloc gives, and its header
};
inline constinit Allocations allocations;

inline int64_t BytesOf(void* memory) {
  return static_cast<int64_t>(malloc_usable_size(memory) + sizeof(size_t));
}
inline void* CountMade(void* memory) {
  if (memory == nullptr) return nullptr;
  allocations.made.fetch_add(1, std::memory_order_relaxed);
  allocations.bytes.fetch_add(BytesOf(memory), std::memory_order_relaxed);
  return memory;
}
inline void* OrThrow(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
inline void CountAndFree(void* memory) {
  if (memory == nullptr) return;
  allocations.freed.fetch_add(1, std::memory_order_relaxed);
  allocations.bytes.fetch_sub(BytesOf(memory), std::memory_order_relaxed);
  std::free(memory);
}
inline void* Aligned(size_t size, std::align_val_t alignment) {
  const auto step = static_cast<size_t>(alignment);
  return CountMade(std::aligned_alloc(step, (size + step - 1) / step * step));
}

}  // namespace sluice::core::testing

#ifndef SLUICE_COUNTS_NO_ALLOCATIONS
void* operator new(size_t size) {
  using namespace sluice::core::testing;
  return OrThrow(CountMade(std::malloc(size)));
}
void* operator new[](size_t size) { return operator new(size); }
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return sluice::core::testing::CountMade(std::malloc(size));
}
void* operator new[](size_t size, const std::nothrow_t& no) noexcept {
  return operator new(size, no);
}
void* operator new(size_t size, std::align_val_t alignment) {
  using namespace sluice::core::testing;
  return OrThrow(Aligned(size, alignment));
}
void* operator new[](size_t size, std::align_val_t alignment) {
  return operator new(size, alignment);
}
void* operator new(size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return sluice::core::testing::Aligned(size, alignment);
}
void* operator new[](size_t size, std::align_val_t alignment, const std::nothrow_t& no) noexcept {
  return operator new(size, alignment, no);
}

void operator delete(void* memory) noexcept { sluice::core::testing::CountAndFree(memory); }
void operator delete[](void* memory) noexcept { operator delete(memory); }
void operator delete(void* memory, size_t) noexcept { operator delete(memory); }
void operator delete[](void* memory, size_t) noexcept { operator delete(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { operator delete(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { operator delete(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { operator delete(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { operator delete(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { operator delete(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { operator delete(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  operator delete(memory);
}
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  operator delete(memory);
}
#endif

#endif  // SLUICE_TESTS_CORE_SUPPORT_COUNTED_NEW_H_
