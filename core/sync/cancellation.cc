#include "core/sync/cancellation.h"

#include "core/base/check.h"

namespace sluice::core {

CancelNotice::~CancelNotice() { SLUICE_DCHECK(!registered_); }

void CancelNotice::Register(CancellationToken token, Runnable& task) {
  SLUICE_DCHECK(!registered_);
  Prepare(task);
  registered_ = true;
  if (!token.source_->Add(*this)) task.Post(*this);
}

bool CancelNotice::Unregister() {
  if (!registered_ || !Withdraw()) return false;
  registered_ = false;
  return true;
}

CancellationSource::~CancellationSource() {
  ThreadMutexLock lock(&mutex_);
  SLUICE_CHECK_USE(waiting_.empty(),
                   "a task still waits for this CancellationSource: Cancel() it, and await the end "
                   "of the tasks that have its tokens, before it goes");
}

bool CancellationSource::Add(WaitEntry& entry) {
  ThreadMutexLock lock(&mutex_);
  if (cancelled_.load(std::memory_order_relaxed)) return false;
  waiting_.Push(entry);
  return true;
}

void CancellationSource::Cancel() {
  Woken woken;
  ThreadMutexLock lock(&mutex_);
  cancelled_.store(true, std::memory_order_release);
  while (!waiting_.empty()) woken.Add(*waiting_.Pop());
}

}  // namespace sluice::core
