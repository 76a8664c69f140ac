#include "proxy/admission/connection_limit.h"

namespace sluice::proxy {

// False: there is room after all.
bool ConnectionLimit::Register(RoomAwaiter& waiter) {
  absl::MutexLock lock(&mutex_);
  waiters_.Push(waiter);
  waited_for_.store(true, std::memory_order_relaxed);
  core::AtomicFence(std::memory_order_seq_cst);
  if (full()) return true;
  waiters_.Remove(waiter);
  waited_for_.store(!waiters_.empty(), std::memory_order_relaxed);
  return false;
}

// True: it will not be woken.
bool ConnectionLimit::Unregister(RoomAwaiter& waiter) {
  absl::MutexLock lock(&mutex_);
  const bool removed = waiters_.Remove(waiter);
  waited_for_.store(!waiters_.empty(), std::memory_order_relaxed);
  return removed;
}

void ConnectionLimit::WakeOne() {
  RoomAwaiter* waiter = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    if (waiters_.empty()) return;
    waiter = waiters_.Pop();
    waited_for_.store(!waiters_.empty(), std::memory_order_relaxed);
  }
  waiter->task_->Post(*waiter);
}

}  // namespace sluice::proxy
