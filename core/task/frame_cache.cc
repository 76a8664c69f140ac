#include "core/task/frame_cache.h"

#include <utility>

#include "core/base/check.h"

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

void FreeFrame::FreeAll(FreeFrame* first, size_t size_class) noexcept {
  while (first != nullptr) {
    FreeFrame* const frame = std::exchange(first, first->next);
    ::operator delete(static_cast<void*>(frame), SizeOf(size_class));
  }
}

FrameDepot::~FrameDepot() { Clear(); }

bool FrameDepot::Put(FreeFrame& chain, size_t size_class) {
  Atomic<uint32_t>& chains = chains_[size_class];
  if (chains.load(std::memory_order_relaxed) >= most_chains_) return false;
  ThreadMutexLock lock(&mutex_);
  const uint32_t count = chains.load(std::memory_order_relaxed);
  if (count >= most_chains_) return false;
  chains.store(count + 1, std::memory_order_relaxed);
  chain.next_chain = std::exchange(first_[size_class], &chain);
  return true;
}

FreeFrame* FrameDepot::Take(size_t size_class) {
  Atomic<uint32_t>& chains = chains_[size_class];
  if (chains.load(std::memory_order_relaxed) == 0) return nullptr;
  ThreadMutexLock lock(&mutex_);
  FreeFrame* const chain = first_[size_class];
  if (chain == nullptr) return nullptr;
  chains.store(chains.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  first_[size_class] = chain->next_chain;
  return chain;
}

void FrameDepot::Clear() noexcept {
  for (size_t i = 0; i < FreeFrame::kClasses; ++i) {
    while (FreeFrame* const chain = Take(i)) FreeFrame::FreeAll(chain, i);
  }
}

[[gnu::noinline]] void* FrameCache::Allocate(size_t size) {
  SLUICE_DCHECK(size >= sizeof(FreeFrame));
  FrameCache* const cache = current_cache;
  if (cache != nullptr && size <= kLargest) [[likely]] {
    Lists& lists = cache->of_class_[FreeFrame::ClassOf(size)];
    if (FreeFrame* const frame = lists.active) [[likely]] {
      lists.active = frame->next;
      --lists.count;
      return frame;
    }
  }
  return AllocateElsewhere(cache, size);
}

[[gnu::noinline]] void* FrameCache::AllocateElsewhere(FrameCache* cache, size_t size) {
  const size_t size_class = FreeFrame::ClassOf(size);
  if (cache != nullptr && size <= kLargest) {
    Lists& lists = cache->of_class_[size_class];
    cache->Refill(lists, size_class);
    if (FreeFrame* const frame = lists.active) {
      lists.active = frame->next;
      --lists.count;
      return frame;
    }
  }
  void* const frame = ::operator new(FreeFrame::SizeOf(size_class));
  if (frame_watch != nullptr) [[unlikely]]
    frame_watch->Made(frame, size);
  return frame;
}

[[gnu::noinline]] void FrameCache::Free(void* frame, size_t size) noexcept {
  FrameCache* const cache = current_cache;
  if (cache != nullptr && size <= kLargest) [[likely]] {
    Lists& lists = cache->of_class_[FreeFrame::ClassOf(size)];
    if (lists.count < cache->most_) [[likely]] {
      ++lists.count;
      lists.active = new (frame) FreeFrame{lists.active};
      return;
    }
  }
  FreeElsewhere(cache, frame, size);
}

[[gnu::noinline]] void FrameCache::FreeElsewhere(FrameCache* cache, void* frame,
                                                 size_t size) noexcept {
  const size_t size_class = FreeFrame::ClassOf(size);
  if (cache != nullptr && size <= kLargest) {
    Lists& lists = cache->of_class_[size_class];
    if (cache->MakeRoom(lists, size_class)) {
      ++lists.count;
      lists.active = new (frame) FreeFrame{lists.active};
      return;
    }
  }
  if (frame_watch != nullptr) [[unlikely]]
    frame_watch->Freed(frame);
  ::operator delete(frame, FreeFrame::SizeOf(size_class));
}

void FrameCache::Refill(Lists& lists, size_t size_class) {
  lists.active = std::exchange(lists.spare, nullptr);
  if (lists.active == nullptr && depot_ != nullptr) lists.active = depot_->Take(size_class);
  if (lists.active != nullptr) lists.count = most_;
}

bool FrameCache::MakeRoom(Lists& lists, size_t size_class) {
  if (lists.spare != nullptr) {
    if (depot_ == nullptr) return false;
    if (!depot_->Put(*lists.spare, size_class)) FreeFrame::FreeAll(lists.spare, size_class);
  }
  lists.spare = std::exchange(lists.active, nullptr);
  lists.count = 0;
  return true;
}

void FrameCache::Clear() noexcept {
  for (size_t i = 0; i < FreeFrame::kClasses; ++i) {
    Lists& lists = of_class_[i];
    FreeFrame::FreeAll(std::exchange(lists.active, nullptr), i);
    FreeFrame::FreeAll(std::exchange(lists.spare, nullptr), i);
    lists.count = 0;
  }
}

void FrameCache::Trim() noexcept {
  Clear();
  if (depot_ != nullptr) depot_->Clear();
}

}  // namespace sluice::core
