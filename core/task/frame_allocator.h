// FrameAllocator: an allocator over FrameCache, for containers whose nodes come and go with
// coroutines: `std::list<Part, FrameAllocator<Part>> parts;`
#ifndef SLUICE_CORE_TASK_FRAME_ALLOCATOR_H_
#define SLUICE_CORE_TASK_FRAME_ALLOCATOR_H_

#include <cstddef>

#include "core/task/frame_cache.h"

namespace sluice::core {

template <typename T>
struct FrameAllocator {
  using value_type = T;

  FrameAllocator() = default;
  template <typename U>
  FrameAllocator(const FrameAllocator<U>&) {}

  T* allocate(size_t count) {
    static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    return static_cast<T*>(FrameCache::Allocate(count * sizeof(T)));
  }
  void deallocate(T* memory, size_t count) { FrameCache::Free(memory, count * sizeof(T)); }

  bool operator==(const FrameAllocator&) const { return true; }
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_FRAME_ALLOCATOR_H_
