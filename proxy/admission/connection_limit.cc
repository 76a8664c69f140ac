#include "proxy/admission/connection_limit.h"

namespace sluice::proxy {

// Returns false if there is a free slot after all.
bool ConnectionLimit::QueueIfExhausted(FreeSlotAwaiter& waiter) {
  absl::MutexLock lock(&mutex_);
  waiters_.Push(waiter);
  core::AtomicFence(std::memory_order_seq_cst);
  if (exhausted()) return true;
  waiters_.Remove(waiter);
  return false;
}

// Those that wait look for themselves: each takes a slot, or wakes the next, or waits again.
void ConnectionLimit::set_max(uint32_t max) {
  max_.store(OrUnlimited(max), std::memory_order_relaxed);
  core::AtomicFence(std::memory_order_seq_cst);
  for (uint32_t waiting = waiters_.size(); waiting > 0 && !exhausted(); --waiting) WakeOne();
}

void ConnectionLimit::WakeOne() {
  core::Woken woken;
  absl::MutexLock lock(&mutex_);
  if (!waiters_.empty()) woken.Add(*waiters_.Pop());
}

}  // namespace sluice::proxy
