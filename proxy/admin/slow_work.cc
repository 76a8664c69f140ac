#include "proxy/admin/slow_work.h"

#include <utility>

namespace sluice::proxy {

SlowWork::~SlowWork() {
  if (!has_thread_) return;
  {
    absl::MutexLock lock(&mutex_);
    ends_ = true;
  }
  pthread_join(thread_, nullptr);
}

bool SlowWork::Do(std::function<void()> work) {
  {
    absl::MutexLock lock(&mutex_);
    if (queue_.size() >= kMost) return false;
    queue_.push_back(std::move(work));
  }
  if (has_thread_) return true;
  // Not std::thread, which throws.
  const auto run = [](void* self) -> void* {
    pthread_setname_np(pthread_self(), "admin_slow");
    static_cast<SlowWork*>(self)->Run();
    return nullptr;
  };
  has_thread_ = pthread_create(&thread_, nullptr, run, this) == 0;
  if (has_thread_) return true;
  absl::MutexLock lock(&mutex_);
  queue_.clear();
  return false;
}

void SlowWork::Run() {
  mutex_.Lock();
  while (true) {
    mutex_.Await(absl::Condition(this, &SlowWork::has_work_or_ends));
    if (ends_) break;
    const std::function<void()> work = std::move(queue_.front());
    mutex_.Unlock();
    work();
    mutex_.Lock();
    queue_.pop_front();
  }
  mutex_.Unlock();
}

}  // namespace sluice::proxy
