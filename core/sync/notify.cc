#include "core/sync/notify.h"

#include "core/base/check.h"

namespace sluice::core {

Notify::~Notify() {
  // The thread that woke the last one may still hold the mutex.
  ThreadMutexLock lock(&mutex_);
  SLUICE_CHECK_USE(waiters_.empty(),
                   "a task still waits for this Notify: let the tasks that use it end first");
}

void Notify::One() {
  uint64_t state = state_.load(std::memory_order_relaxed);
  while ((state & kWaiting) == 0) {
    if (state_.compare_exchange_weak(state, state | kKept, std::memory_order_release,
                                     std::memory_order_relaxed)) {
      return;
    }
  }
  Woken woken;
  ThreadMutexLock lock(&mutex_);
  WakeOneOrKeep(woken);
}

void Notify::All() {
  Woken woken;
  ThreadMutexLock lock(&mutex_);
  state_.fetch_add(uint64_t{1} << kShift, std::memory_order_release);
  while (!waiters_.empty()) {
    Awaiter& next = *waiters_.Pop();
    next.woken_by_ = Awaiter::WokenBy::kAll;
    woken.Add(next);
  }
  ClearWaitingIfEmpty();
}

bool Notify::TakeKept(Awaiter& waiter) {
  uint64_t state = state_.load(std::memory_order_relaxed);
  while (state >> kShift == waiter.calls_of_all_) {
    if ((state & kKept) == 0) return false;
    if (state_.compare_exchange_weak(state, state - kKept, std::memory_order_acquire,
                                     std::memory_order_relaxed)) {
      waiter.woken_by_ = Awaiter::WokenBy::kOne;
      return true;
    }
  }
  AtomicFence(std::memory_order_acquire);  // what came before All is seen
  waiter.woken_by_ = Awaiter::WokenBy::kAll;
  return true;
}

bool Notify::Queue(Awaiter& waiter) {
  ThreadMutexLock lock(&mutex_);
  while (!TakeKept(waiter)) {
    // All takes the mutex, too: only One may have come meanwhile, if no other task waits.
    uint64_t none_kept = waiter.calls_of_all_ << kShift;
    if (!waiters_.empty() ||
        state_.compare_exchange_strong(none_kept, none_kept | kWaiting, std::memory_order_relaxed,
                                       std::memory_order_relaxed)) {
      waiters_.Push(waiter);
      return true;
    }
  }
  return false;
}

// A wake-up that a task does not take is passed on.
void Notify::GiveUp(Awaiter& waiter) {
  Woken woken;
  ThreadMutexLock lock(&mutex_);
  if (waiters_.Remove(waiter)) {
    woken.Add(waiter);
    ClearWaitingIfEmpty();
  } else if (waiter.woken_by_ == Awaiter::WokenBy::kOne) {
    waiter.woken_by_ = Awaiter::WokenBy::kNothing;
    WakeOneOrKeep(woken);
  }
}

void Notify::WakeOneOrKeep(Woken& woken) {
  if (waiters_.empty()) {
    state_.fetch_or(kKept, std::memory_order_release);
    return;
  }
  Awaiter& next = *waiters_.Pop();
  next.woken_by_ = Awaiter::WokenBy::kOne;
  woken.Add(next);
  ClearWaitingIfEmpty();
}

void Notify::ClearWaitingIfEmpty() {
  const uint64_t state = state_.load(std::memory_order_relaxed);
  if (!waiters_.empty() || (state & kWaiting) == 0) return;
  state_.store(state & ~kWaiting, std::memory_order_release);  // nothing else changes it: N2
}

}  // namespace sluice::core
