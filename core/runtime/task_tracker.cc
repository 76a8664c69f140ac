#include "core/runtime/task_tracker.h"

#include "core/base/check.h"

namespace sluice::core {

TaskTracker::~TaskTracker() {
  absl::MutexLock lock(&mutex_);
  SLUICE_CHECK_USE(tasks_ == 0, "Close a TaskTracker and await Wait before it goes");
}

void TaskTracker::Close() {
  Woken woken;
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  WakeIfOver(woken);
}

size_t TaskTracker::tasks() const {
  absl::MutexLock lock(&mutex_);
  return tasks_;
}

bool TaskTracker::Queue(WaitForAll& waiter) {
  absl::MutexLock lock(&mutex_);
  waiter.ended_ = closed_ && tasks_ == 0;
  if (waiter.ended_) return false;
  waiting_.Push(waiter);
  return true;
}

void TaskTracker::TaskBegins() {
  absl::MutexLock lock(&mutex_);
  ++tasks_;
}

// The tracker may go as soon as the lock has been released.
void TaskTracker::TaskEnded() {
  Woken woken;
  absl::MutexLock lock(&mutex_);
  --tasks_;
  WakeIfOver(woken);
}

void TaskTracker::WakeIfOver(Woken& woken) {
  if (!closed_ || tasks_ != 0) return;
  while (!waiting_.empty()) {
    WaitForAll& waiter = *waiting_.Pop();
    waiter.ended_ = true;
    woken.Add(waiter);
  }
}

}  // namespace sluice::core
