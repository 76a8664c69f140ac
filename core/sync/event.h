// Event: something that has happened or not, and tasks that wait until it has. Manual reset.
//
//     core::Event ready;
//
//     core::Task<void> Serve() {
//       if (!(co_await ready.Wait()).ok()) co_return;  // ECANCELED
//       ...
//     }
//     ready.Set();    // wakes all that wait; later waits end at once
//     ready.Reset();  // waits wait again; what has been woken stays woken
//
// What a thread did before Set is seen by those whose wait it ended. For something that happens
// again and again there is core/sync/notify.h; for the end of everything a CancellationSource,
// which also tells what does not wait for it.
//
// Threads: any; Wait inside a task. It outlives the tasks that wait for it.
// Checked by: tests/core/sync/event_test.cc, tests/model (event_model_test.cc).
#ifndef SLUICE_CORE_SYNC_EVENT_H_
#define SLUICE_CORE_SYNC_EVENT_H_

#include <cerrno>
#include <coroutine>
#include <cstddef>

#include "absl/base/thread_annotations.h"
#include "core/base/atomic.h"
#include "core/base/result.h"
#include "core/base/thread_mutex.h"
#include "core/sync/wait_list.h"

namespace sluice::core {

class Event {
 public:
  explicit Event(bool set = false) : set_(set) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event();

  void Set();
  void Reset();
  bool is_set() const { return set_.load(std::memory_order_acquire); }

  class Awaiter final : public WaitAwaiter {
   public:
    explicit Awaiter(Event& event) : event_(event) {}

    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      return Suspend(handle, [this] {
        if (!event_.is_set() && event_.Queue(*this)) return true;
        happened_ = true;
        return GoOn();
      });
    }
    bool WouldWait() const { return !event_.is_set(); }
    IoResult<void> await_resume() {
      Resumed();
      if (!happened_) return IoError(ECANCELED);
      return {};
    }

   private:
    friend class Event;
    Event& event_;
    bool happened_ = false;
  };

  // `IoResult<void> happened = co_await event.Wait();` until it is set, or ECANCELED.
  [[nodiscard]] Awaiter Wait() { return Awaiter(*this); }

  // For tests and logs: it may be another a moment later.
  size_t waiting() const ABSL_NO_THREAD_SAFETY_ANALYSIS { return waiters_.size(); }

 private:
  // Puts it into the queue; false: it is set.
  bool Queue(Awaiter& waiter);

  ThreadMutex mutex_;
  Atomic<bool> set_;  // written under mutex_
  WaitList<Awaiter> waiters_ ABSL_GUARDED_BY(mutex_){mutex_};
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SYNC_EVENT_H_
