#include "core/sync/semaphore.h"

namespace sluice::core {

Semaphore::Semaphore(size_t permits) : state_(uint64_t{permits} << kShift) {
  CheckMost(0, permits);
}

Semaphore::~Semaphore() {
  // The thread that released last may still hold the mutex.
  if (Holders::IsOn()) Holders::Forget(this);
  ThreadMutexLock lock(&mutex_);
  SLUICE_CHECK_USE(waiters_.empty(),
                   "a task still waits for this semaphore: let the tasks that use it end first, or "
                   "share it (AcquireOwned)");
}

bool Semaphore::Queue(PermitAwaiter& waiter) {
  ThreadMutexLock lock(&mutex_);
  uint64_t state = state_.load(std::memory_order_relaxed);
  for (;;) {
    if ((state & kClosed) != 0) {
      waiter.error_ = EPIPE;
      return false;
    }
    if ((state & kWaiting) != 0) break;  // S2
    const bool enough = state >> kShift >= waiter.count_;
    const uint64_t next = enough ? state - (uint64_t{waiter.count_} << kShift) : state | kWaiting;
    if (!state_.compare_exchange_weak(state, next, std::memory_order_acquire,
                                      std::memory_order_relaxed)) {
      continue;
    }
    if (!enough) break;
    if (Holders::IsOn()) Holders::TakenBy(waiter.task(), this, waiter.count_);
    waiter.error_ = 0;
    return false;
  }
  waiters_.Push(waiter);
  return true;
}

void Semaphore::ReleaseToWaiters(size_t count) {
  Woken woken;
  ThreadMutexLock lock(&mutex_);
  uint64_t state = state_.load(std::memory_order_relaxed);
  while ((state & kWaiting) == 0) {  // the queue has become empty meanwhile
    CheckMost(state, count);
    if (state_.compare_exchange_weak(state, state + (uint64_t{count} << kShift),
                                     std::memory_order_release, std::memory_order_relaxed)) {
      return;
    }
  }
  CheckMost(state, count);
  Serve((state >> kShift) + count, woken);
}

void Semaphore::GiveUp(PermitAwaiter& waiter) {
  Woken woken;
  ThreadMutexLock lock(&mutex_);
  if (!waiters_.Remove(waiter)) return;  // it has been granted: it is on its way
  woken.Add(waiter);
  Serve(state_.load(std::memory_order_relaxed) >> kShift, woken);
}

// WAITING is set, and `free` permits are free.
void Semaphore::Serve(size_t free, Woken& woken) {
  while (!waiters_.empty() && waiters_.first()->count_ <= free) {
    PermitAwaiter& next = *waiters_.Pop();
    free -= next.count_;
    if (Holders::IsOn()) Holders::TakenBy(next.task(), this, next.count_);
    next.error_ = 0;
    woken.Add(next);
  }
  state_.store((uint64_t{free} << kShift) | (waiters_.empty() ? 0 : kWaiting),
               std::memory_order_release);
}

void Semaphore::Close() {
  Woken woken;
  ThreadMutexLock lock(&mutex_);
  state_.fetch_or(kClosed, std::memory_order_acq_rel);
  while (!waiters_.empty()) {
    PermitAwaiter& next = *waiters_.Pop();
    next.error_ = EPIPE;
    woken.Add(next);
  }
  state_.fetch_and(~kWaiting, std::memory_order_release);
}

}  // namespace sluice::core
