#include "proxy/memory/heap_reserve.h"

#include <algorithm>
#include <utility>

namespace sluice::proxy {

// A session has less than 3 KiB of frames at its largest, while it connects; twice that, as a
// region is whole when half of it is left, and some for what goes to rounding and headers.
size_t HeapReserve::BytesFor(uint32_t max_connections) {
  constexpr size_t kBase = size_t{4} << 20;  // logs, statistics, tables
  constexpr size_t kSession = 8192;
  constexpr size_t kMost = size_t{256} << 20;
  return std::min(kBase + kSession * max_connections, kMost);
}

HeapReserve::HeapReserve(size_t bytes, std::function<bool()> probe)
    : bytes_(bytes), probe_(std::move(probe)) {
  (void)whole();
}

bool HeapReserve::whole() {
  const std::lock_guard lock(mutex_);
  return MakeWhole();
}

void* HeapReserve::Allocate(size_t size) {
  if (bytes_ == 0) return nullptr;
  short_.store(true, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  for (ReserveRegion& region : regions_) {
    if (void* block = region.Allocate(size)) return block;
  }
  return nullptr;
}

bool HeapReserve::FreeInside(void* block) {
  const std::lock_guard lock(mutex_);
  const auto owner = std::ranges::find_if(
      regions_, [block](const ReserveRegion& region) { return region.Contains(block); });
  if (owner == regions_.end()) return false;
  owner->Free(block);
  const auto is_other_whole = [&](const ReserveRegion& region) {
    return &region != &*owner && region.whole();
  };
  if (owner->empty() && std::ranges::any_of(regions_, is_other_whole)) owner->Unmap();
  return true;
}

bool HeapReserve::Recovers(core::Instant now) {
  core::Instant next = next_try_.load(std::memory_order_relaxed);
  if (now < next ||
      !next_try_.compare_exchange_strong(next, now + kRetry, std::memory_order_relaxed)) {
    return false;
  }
  if (!probe_() || !whole()) return false;
  short_.store(false, std::memory_order_relaxed);
  return true;
}

// Under the mutex.
bool HeapReserve::MakeWhole() {
  if (bytes_ == 0 || std::ranges::any_of(regions_, &ReserveRegion::whole)) return true;
  const auto unmapped = std::ranges::find_if_not(regions_, &ReserveRegion::mapped);
  if (unmapped == regions_.end() || !unmapped->Map(bytes_)) return false;
  const uintptr_t begin = unmapped->begin();
  low_.store(std::min(low_.load(std::memory_order_relaxed), begin), std::memory_order_relaxed);
  high_.store(std::max(high_.load(std::memory_order_relaxed), begin + bytes_),
              std::memory_order_relaxed);
  return true;
}

}  // namespace sluice::proxy
