#include "proxy/upstream/endpoint_limits.h"

#include <algorithm>

#include "core/base/check.h"

namespace sluice::proxy {
namespace {

bool Contains(std::span<const uint32_t> endpoints, uint32_t endpoint) {
  return std::ranges::find(endpoints, endpoint) != endpoints.end();
}

}  // namespace

EndpointSlot::~EndpointSlot() {
  if (limits_ != nullptr) limits_->Release(endpoint_);
}

bool EndpointSlot::counted() const { return limits_ != nullptr && limits_->limited_; }

bool EndpointLimits::RoomAwaiter::Accepts(uint32_t endpoint) const {
  return !Contains(tried_, endpoint);
}

EndpointLimits::EndpointLimits(std::vector<uint32_t> max)
    : max_(std::move(max)),
      limited_(std::ranges::any_of(max_, [](uint32_t limit) { return limit != 0; })),
      active_(max_.size(), 0),
      markers_(limited_ ? max_.size() : 0) {}

EndpointLimits::~EndpointLimits() {
  absl::MutexLock lock(&mutex_);
  for (Marker& marker : markers_) waiters_.Remove(marker);
  SLUICE_DCHECK(waiters_.empty());
  SLUICE_DCHECK(std::ranges::all_of(active_, [](uint32_t count) { return count == 0; }));
}

uint32_t EndpointLimits::FindRoom(uint32_t first, std::span<const uint32_t> tried) {
  const auto size = static_cast<uint32_t>(max_.size());
  for (uint32_t i = 0; i < size; ++i) {
    const uint32_t endpoint = (first + i) % size;
    const bool has_room = max_[endpoint] == 0 || active_[endpoint] < max_[endpoint];
    if (has_room && !Contains(tried, endpoint)) return endpoint;
  }
  return kNone;
}

EndpointSlot EndpointLimits::TryAcquire(uint32_t first, std::span<const uint32_t> tried) {
  if (!limited_) {
    const auto size = static_cast<uint32_t>(max_.size());
    for (uint32_t i = 0; i < size; ++i) {
      const uint32_t endpoint = (first + i) % size;
      if (!Contains(tried, endpoint)) return EndpointSlot(this, endpoint);
    }
    return EndpointSlot();
  }
  absl::MutexLock lock(&mutex_);
  const uint32_t endpoint = FindRoom(first, tried);
  if (endpoint == kNone) return EndpointSlot();
  ++active_[endpoint];
  return EndpointSlot(this, endpoint);
}

// True: it got a place at once.
bool EndpointLimits::TakeOrQueue(RoomAwaiter& waiter) {
  absl::MutexLock lock(&mutex_);
  waiter.endpoint_ = FindRoom(waiter.first_, waiter.tried_);
  if (waiter.endpoint_ != kNone) {
    ++active_[waiter.endpoint_];
    return true;
  }
  waiters_.Push(waiter);
  return false;
}

// True: it got no place and will get none.
bool EndpointLimits::Unqueue(RoomAwaiter& waiter) {
  absl::MutexLock lock(&mutex_);
  return waiters_.Remove(waiter);
}

// The marker of `endpoint` moves behind everybody who is passed over (I3).
EndpointLimits::RoomAwaiter* EndpointLimits::FindWaiter(uint32_t endpoint) {
  using Queue = core::WaiterList<Entry>;
  Marker& marker = markers_[endpoint];
  Entry* entry = Queue::Contains(marker) ? Queue::Next(marker) : waiters_.first();
  bool passed_over = false;
  RoomAwaiter* found = nullptr;
  for (; entry != nullptr && found == nullptr; entry = Queue::Next(*entry)) {
    if (entry->is_marker) continue;
    auto& waiter = static_cast<RoomAwaiter&>(*entry);
    if (waiter.Accepts(endpoint)) {
      found = &waiter;
    } else {
      passed_over = true;
    }
  }
  if (passed_over) {
    waiters_.Remove(marker);
    if (found == nullptr) {
      waiters_.Push(marker);
    } else {
      waiters_.InsertBefore(*found, marker);
    }
  }
  if (found != nullptr) waiters_.Remove(*found);
  // In front it says nothing; other endpoints would step over it.
  if (waiters_.first() == &marker) waiters_.Remove(marker);
  return found;
}

// I2: to the one who has waited longest, if anybody wants it.
void EndpointLimits::Release(uint32_t endpoint) {
  if (!limited_) return;
  RoomAwaiter* next = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    SLUICE_CHECK(active_[endpoint] > 0);
    next = FindWaiter(endpoint);
    if (next == nullptr) {
      --active_[endpoint];
      return;
    }
    next->endpoint_ = endpoint;
  }
  next->task_->Post(*next);
}

}  // namespace sluice::proxy
