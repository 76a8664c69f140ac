// Slots: the smallest owner of a WaitList: a number of slots, and tasks that wait for a free one.
#ifndef SLUICE_TESTS_CORE_SUPPORT_SLOTS_H_
#define SLUICE_TESTS_CORE_SUPPORT_SLOTS_H_

#include <coroutine>
#include <cstdint>
#include <span>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/check.h"
#include "core/sync/wait_list.h"

namespace sluice::core::testing {

class Slots {
 public:
  explicit Slots(uint32_t free) : free_(free) {}

  class Awaiter final : public WaitAwaiter {
   public:
    Awaiter(Slots& slots, int name) : slots_(slots), name_(name) {}
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      return Suspend(handle, [this] { return slots_.QueueUnlessFree(*this); });
    }
    bool await_resume() {
      Resumed();
      return granted_;
    }

   private:
    friend class Slots;
    Slots& slots_;
    const int name_;
    bool granted_ = false;
  };

  // `bool has_slot = co_await slots.Take();` False: the scope was cancelled first. `name`: see
  // GiveTo.
  Awaiter Take(int name = 0) { return Awaiter(*this, name); }

  bool TryTake() {
    absl::MutexLock lock(&mutex_);
    if (free_ == 0) return false;
    --free_;
    return true;
  }

  // To the one that has waited longest.
  void Give() {
    Woken woken;
    absl::MutexLock lock(&mutex_);
    if (waiters_.empty()) {
      ++free_;
    } else {
      Grant(*waiters_.Pop(), woken);
    }
  }

  // To the one of that name that has waited longest. False: there is none, nothing has changed.
  bool GiveTo(int name) {
    Woken woken;
    absl::MutexLock lock(&mutex_);
    Awaiter* const chosen =
        waiters_.PopFirst([name](const Awaiter& waiter) { return waiter.name_ == name; });
    if (chosen == nullptr) return false;
    Grant(*chosen, woken);
    return true;
  }

  // One to each that waits.
  void GiveAll() {
    Woken woken;
    absl::MutexLock lock(&mutex_);
    while (!waiters_.empty()) Grant(*waiters_.Pop(), woken);
  }

  uint32_t waiting() const ABSL_NO_THREAD_SAFETY_ANALYSIS { return waiters_.size(); }

 private:
  bool QueueUnlessFree(Awaiter& waiter) {
    absl::MutexLock lock(&mutex_);
    if (free_ == 0) {
      waiters_.Push(waiter);
      return true;
    }
    --free_;
    waiter.granted_ = true;
    return false;
  }
  static void Grant(Awaiter& waiter, Woken& woken) {
    waiter.granted_ = true;
    woken.Add(waiter);
  }

  absl::Mutex mutex_;
  uint32_t free_ ABSL_GUARDED_BY(mutex_);
  WaitList<Awaiter> waiters_ ABSL_GUARDED_BY(mutex_){mutex_};
};

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_SUPPORT_SLOTS_H_
