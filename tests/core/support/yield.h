// Giving way inside a task, without time: Yield goes to the end of the run queue, Turns waits until
// the worker has asked its reactor again.
#ifndef SLUICE_TESTS_CORE_SUPPORT_YIELD_H_
#define SLUICE_TESTS_CORE_SUPPORT_YIELD_H_

#include <coroutine>
#include <cstdint>

#include "core/sched/worker.h"
#include "core/task/runnable.h"
#include "core/task/task.h"

namespace sluice::core::testing {

// Uses up the task's budget, so that its worker takes another task first.
class Yield final : public Node {
 public:
  bool await_ready() const { return false; }
  template <typename Promise>
  void await_suspend(std::coroutine_handle<Promise> self) {
    handle_ = self;
    Runnable* task = self.promise().task;
    while (task->ConsumeBudget()) {
    }
    task->Post(*this);
  }
  void await_resume() const {}
  void OnReady() override { handle_.resume(); }

 private:
  std::coroutine_handle<> handle_;
};

// Until the reactor of the worker on which the task runs has been turned `turns` times.
inline Task<void> Turns(int turns = 1) {
  while (turns > 0) {
    Reactor* const reactor = &Worker::Current()->reactor();
    const uint64_t before = reactor->counters().turns.load(std::memory_order_relaxed);
    co_await Yield();
    if (&Worker::Current()->reactor() != reactor) continue;  // the task has moved
    if (reactor->counters().turns.load(std::memory_order_relaxed) != before) --turns;
  }
}

// Until `done()` holds.
template <typename Predicate>
Task<void> Until(Predicate done) {
  while (!done()) co_await Yield();
}

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_SUPPORT_YIELD_H_
