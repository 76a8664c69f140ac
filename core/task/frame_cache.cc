#include "core/task/frame_cache.h"

namespace sluice::core {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kUsed = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kUsed = false;
#else
constexpr bool kUsed = true;
#endif
#else
constexpr bool kUsed = true;
#endif

constinit thread_local FrameCache* current_cache = nullptr;
constinit FrameWatch* frame_watch = nullptr;  // looked at only where malloc is called

}  // namespace

void FrameCache::SetCurrent(FrameCache* cache) {
  current_cache = kUsed && frame_watch == nullptr ? cache : nullptr;
}
void FrameCache::SetWatch(FrameWatch* watch) { frame_watch = watch; }

[[gnu::noinline]] void* FrameCache::Allocate(size_t size) {
  FrameCache* const cache = current_cache;
  if (cache != nullptr && size <= kLargest) [[likely]] {
    List& list = cache->lists_[ClassOf(size)];
    if (FreeFrame* const frame = list.first) [[likely]] {
      list.first = frame->next;
      --list.count;
      return frame;
    }
  }
  void* const frame = ::operator new(ClassOf(size) * kStep);
  if (frame_watch != nullptr) [[unlikely]]
    frame_watch->Made(frame, size);
  return frame;
}

[[gnu::noinline]] void FrameCache::Free(void* frame, size_t size) noexcept {
  FrameCache* const cache = current_cache;
  if (cache != nullptr && size <= kLargest) [[likely]] {
    List& list = cache->lists_[ClassOf(size)];
    if (list.count < kMost) [[likely]] {
      ++list.count;
      list.first = new (frame) FreeFrame{list.first};
      return;
    }
  }
  if (frame_watch != nullptr) [[unlikely]]
    frame_watch->Freed(frame);
  ::operator delete(frame, ClassOf(size) * kStep);
}

void FrameCache::Clear() noexcept {
  for (size_t i = 0; i <= kLargest / kStep; ++i) {
    while (FreeFrame* const frame = lists_[i].first) {
      lists_[i].first = frame->next;
      ::operator delete(static_cast<void*>(frame), i * kStep);
    }
    lists_[i].count = 0;
  }
}

}  // namespace sluice::core
