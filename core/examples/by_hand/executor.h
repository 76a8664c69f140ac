// Executor: what runs coroutines. It has a queue of those that can go on, and a list of those that
// wait for a point in time. One thread runs them all, one after the other; any thread may post.
//
//   Post ─► ready_ ── Run takes the first and resumes it, until it stands still or ends ──┐
//             ▲ ▲                                                                         │
//             │ └── the event it waits for posts its handle ◄── it awaits something ◄─────┤
//             └──── its time has come ◄── timers_ ◄──────────── it awaits SleepFor ◄──────┘
//
// Nothing is polled: what waits is in no queue, and costs nothing until its event comes. (In Rust
// an executor asks a future again and again, "are you ready?", and a waker says when to ask; here
// the event resumes the coroutine itself, so there is nothing to ask and no waker.)
#ifndef SLUICE_CORE_EXAMPLES_BY_HAND_EXECUTOR_H_
#define SLUICE_CORE_EXAMPLES_BY_HAND_EXECUTOR_H_

#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <utility>

#include "core/examples/by_hand/task.h"

namespace by_hand {

using Clock = std::chrono::steady_clock;

class Executor {
 public:
  using Timers = std::multimap<Clock::time_point, std::coroutine_handle<>>;

  // Any thread.
  void Post(std::coroutine_handle<> handle) {
    std::lock_guard lock(mutex_);
    ready_.push_back(handle);
    changed_.notify_one();
  }

  // The rest: the thread that runs.
  void Spawn(Task<void> task) {
    ++alive_;
    Post(Drive(*this, std::move(task)).handle);
  }
  Timers::iterator AddTimer(Clock::time_point at, std::coroutine_handle<> handle) {
    return timers_.emplace(at, handle);
  }
  void RemoveTimer(Timers::iterator timer) { timers_.erase(timer); }

  void Run() {  // until all that was spawned has ended
    std::unique_lock lock(mutex_);
    while (alive_ > 0) {
      while (!timers_.empty() && timers_.begin()->first <= Clock::now()) {
        ready_.push_back(timers_.extract(timers_.begin()).mapped());
      }
      if (!ready_.empty()) {
        const std::coroutine_handle<> next = ready_.front();
        ready_.pop_front();
        lock.unlock();
        next.resume();
        lock.lock();
      } else if (!timers_.empty()) {
        changed_.wait_until(lock, Clock::time_point(timers_.begin()->first));
      } else {
        changed_.wait(lock);
      }
    }
  }

 private:
  struct Root {  // the outermost coroutine: no other awaits it, and its frame goes at its end
    struct promise_type {
      Root get_return_object() {
        return {std::coroutine_handle<promise_type>::from_promise(*this)};
      }
      std::suspend_always initial_suspend() noexcept { return {}; }
      std::suspend_never final_suspend() noexcept { return {}; }
      void return_void() {}
      void unhandled_exception() { std::terminate(); }
    };
    std::coroutine_handle<> handle;
  };
  static Root Drive(Executor& executor, Task<void> task) {
    co_await std::move(task);
    --executor.alive_;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::coroutine_handle<>> ready_;  // under mutex_
  Timers timers_;
  int alive_ = 0;
};

// `co_await Yield{executor};` goes to the end of the queue: others run first.
struct Yield : std::suspend_always {
  explicit Yield(Executor& runs) : executor(runs) {}
  void await_suspend(std::coroutine_handle<> handle) { executor.Post(handle); }
  Executor& executor;
};

// `co_await SleepFor(executor, 10ms);`
struct SleepFor : std::suspend_always {
  SleepFor(Executor& runs, Clock::duration wait) : executor(runs), time(wait) {}
  void await_suspend(std::coroutine_handle<> handle) {
    executor.AddTimer(Clock::now() + time, handle);
  }
  Executor& executor;
  Clock::duration time;
};

}  // namespace by_hand

#endif  // SLUICE_CORE_EXAMPLES_BY_HAND_EXECUTOR_H_
