#include "core/sync/barrier.h"

#include "core/base/check.h"

namespace sluice::core {

Barrier::Barrier(size_t count) : count_(count) {
  SLUICE_CHECK_USE(count > 0, "a round of a Barrier has at least one task");
}

Barrier::~Barrier() {
  // The thread that came last may still hold the mutex.
  ThreadMutexLock lock(&mutex_);
  SLUICE_CHECK_USE(waiters_.empty(),
                   "a task still waits for this Barrier: let the tasks that use it end first");
}

bool Barrier::Queue(Awaiter& waiter) {
  Woken woken;
  ThreadMutexLock lock(&mutex_);
  if (waiters_.size() + 1 < count_) {
    waiters_.Push(waiter);
    return true;
  }
  while (!waiters_.empty()) {
    Awaiter& next = *waiters_.Pop();
    next.passed_ = true;
    woken.Add(next);
  }
  return false;
}

}  // namespace sluice::core
