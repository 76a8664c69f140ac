// Turnstile: an awaitable of one's own, as core/why.md tells how to write one. Each Push lets
// one task pass; a push that comes before the task is kept for it.
//
//   Pass ── a push is kept: takes it, goes on
//    └───── none: queues in the WaitList, under the lock ── Push pops it and wakes it ──► true
//                                    └── its scope is cancelled: it is in the list no more ─► false
//
// What is asked of an awaitable (a wake-up that comes between looking and waiting; a cancellation
// that comes together with the grant; a thread that is not a worker) WaitAwaiter and WaitList
// answer: the two lines that follow `absl::MutexLock` are all that is left to get right.
// Threads: any. Checked by: tests/core/testing/readme_test.cc (every order of two waits, two pushes
// and their cancellations).
#ifndef SLUICE_CORE_EXAMPLES_TURNSTILE_H_
#define SLUICE_CORE_EXAMPLES_TURNSTILE_H_

#include <coroutine>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/sluice.h"
#include "core/sync/wait_list.h"

class Turnstile {
 public:
  class Passage final : public sluice::core::WaitAwaiter {
   public:
    explicit Passage(Turnstile& gate) : gate_(gate) {}
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      return Suspend(handle, [this] { return gate_.Queue(*this) || GoOn(); });
    }
    bool await_resume() {  // false: the scope was cancelled first
      Resumed();
      return passed;
    }
    bool passed = false;

   private:
    Turnstile& gate_;
  };

  Passage Pass() { return Passage(*this); }
  void Push() {
    sluice::core::Woken woken;  // made before the lock: it posts when that is free
    absl::MutexLock lock(&mutex_);
    if (waiting_.empty()) {
      ++pushes_;
      return;
    }
    Passage& first = *waiting_.Pop();
    first.passed = true;
    woken.Add(first);
  }

 private:
  bool Queue(Passage& passage) {  // false: there is nothing to wait for
    absl::MutexLock lock(&mutex_);
    if (pushes_ == 0) {
      waiting_.Push(passage);
      return true;
    }
    --pushes_;
    passage.passed = true;
    return false;
  }

  absl::Mutex mutex_;
  int pushes_ ABSL_GUARDED_BY(mutex_) = 0;
  sluice::core::WaitList<Passage> waiting_ ABSL_GUARDED_BY(mutex_){mutex_};
};

#endif  // SLUICE_CORE_EXAMPLES_TURNSTILE_H_
