#include "core/sync/blocking_wait.h"

#include "core/sched/worker.h"

namespace sluice::core::internal {

BlockedThread::BlockedThread() : Runnable(static_cast<Scheduler&>(*this), nothing_) {
  SLUICE_CHECK_USE(Worker::Current() == nullptr,
                   "this thread runs tasks, which would all stand still: co_await the channel, and "
                   "leave its blocking end to threads outside of the runtime");
  Run();
}

BlockedThread::~BlockedThread() {
  // The thread that woke this one may still hold the mutex.
  absl::MutexLock lock(&mutex_);
}

void BlockedThread::Schedule(Runnable&) {
  absl::MutexLock lock(&mutex_);
  scheduled_ = true;
}

void BlockedThread::SleepUntil(const bool& done) {
  while (!done) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&scheduled_));
      scheduled_ = false;
    }
    Run();
  }
}

}  // namespace sluice::core::internal
