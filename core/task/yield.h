// Yield: gives way to the other tasks of the worker.
//
//     for (const Item& item : items) {
//       Handle(item);
//       if (++count % 100 == 0) co_await Yield();
//     }
//
// For computations that last: while a task runs, no other of its worker does, nor are their sockets
// and timers looked at. The task goes to the end of the run queue; before it runs again, at most a
// round of tasks later, the reactor has been turned if anything else ran. Branches of one task
// that yield (Join, BufferUnordered) take one turn together. It is no point of cancellation.
// Checked by: tests/core/task/yield_test.cc.
#ifndef SLUICE_CORE_TASK_YIELD_H_
#define SLUICE_CORE_TASK_YIELD_H_

#include <coroutine>

#include "core/task/node_queue.h"
#include "core/task/runnable.h"
#include "core/task/task.h"

namespace sluice::core {

class YieldAwaiter final : public Node {
 public:
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  void await_suspend(std::coroutine_handle<Promise> handle) {
    PromiseBase& promise = handle.promise();
    waiter_ = handle;
    promise.task->Post(*this);
    promise.task->GiveWay();
  }
  void await_resume() const noexcept {}
  void OnReady() override { waiter_.resume(); }

 private:
  std::coroutine_handle<> waiter_;
};

inline YieldAwaiter Yield() { return {}; }

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_YIELD_H_
