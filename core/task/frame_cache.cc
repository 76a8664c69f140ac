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

FrameDepot::~FrameDepot() {
  for (size_t i = 0; i < FreeFrame::kClasses; ++i) {
    while (FreeFrame* const chain = of_class_[i].first) {
      of_class_[i].first = chain->next_chain;
      FreeFrame::FreeAll(chain, i);
    }
  }
}

bool FrameDepot::Put(FreeFrame& chain, size_t size_class) {
  absl::MutexLock lock(&mutex_);
  Chains& chains = of_class_[size_class];
  if (chains.count >= most_chains_) return false;
  ++chains.count;
  chain.next_chain = std::exchange(chains.first, &chain);
  chains_.store(chains_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return true;
}

FreeFrame* FrameDepot::Take(size_t size_class) {
  if (chains_.load(std::memory_order_relaxed) == 0) return nullptr;
  absl::MutexLock lock(&mutex_);
  Chains& chains = of_class_[size_class];
  FreeFrame* const chain = chains.first;
  if (chain == nullptr) return nullptr;
  --chains.count;
  chains.first = chain->next_chain;
  chains_.store(chains_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  return chain;
}

[[gnu::noinline]] void* FrameCache::Allocate(size_t size) {
  SLUICE_DCHECK(size >= sizeof(FreeFrame));
  FrameCache* const cache = current_cache;
  const size_t size_class = FreeFrame::ClassOf(size);
  if (cache != nullptr && size <= kLargest) [[likely]] {
    Lists& lists = cache->of_class_[size_class];
    if (lists.active == nullptr) [[unlikely]]
      cache->Refill(lists, size_class);
    if (FreeFrame* const frame = lists.active) [[likely]] {
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
  const size_t size_class = FreeFrame::ClassOf(size);
  if (cache != nullptr && size <= kLargest) [[likely]] {
    Lists& lists = cache->of_class_[size_class];
    if (lists.count < cache->most_ || cache->MakeRoom(lists, size_class)) [[likely]] {
      ++lists.count;
      lists.active = new (frame) FreeFrame{lists.active};
      return;
    }
  }
  if (frame_watch != nullptr) [[unlikely]]
    frame_watch->Freed(frame);
  ::operator delete(frame, FreeFrame::SizeOf(size_class));
}

[[gnu::noinline]] void FrameCache::Refill(Lists& lists, size_t size_class) {
  lists.active = std::exchange(lists.spare, nullptr);
  if (lists.active == nullptr && depot_ != nullptr) lists.active = depot_->Take(size_class);
  if (lists.active != nullptr) lists.count = most_;
}

[[gnu::noinline]] bool FrameCache::MakeRoom(Lists& lists, size_t size_class) {
  if (lists.spare != nullptr && (depot_ == nullptr || !depot_->Put(*lists.spare, size_class))) {
    return false;
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

}  // namespace sluice::core
