#include "core/sync/event.h"

#include "core/base/check.h"

namespace sluice::core {

Event::~Event() {
  // The thread that set it may still hold the mutex.
  ThreadMutexLock lock(&mutex_);
  SLUICE_CHECK_USE(waiters_.empty(),
                   "a task still waits for this Event: let the tasks that use it end first");
}

void Event::Set() {
  Woken woken;
  ThreadMutexLock lock(&mutex_);
  set_.store(true, std::memory_order_release);
  while (!waiters_.empty()) {
    Awaiter& next = *waiters_.Pop();
    next.happened_ = true;
    woken.Add(next);
  }
}

void Event::Reset() {
  ThreadMutexLock lock(&mutex_);
  set_.store(false, std::memory_order_release);
}

bool Event::Queue(Awaiter& waiter) {
  ThreadMutexLock lock(&mutex_);
  if (set_.load(std::memory_order_relaxed)) return false;
  waiters_.Push(waiter);
  return true;
}

}  // namespace sluice::core
