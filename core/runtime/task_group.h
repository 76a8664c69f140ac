// TaskGroup: tasks that end before their owner does.
//
// Spawn from any of the owner's tasks; `co_await group.Join()` waits until all have ended (also
// those spawned meanwhile) and has to be awaited before the group is destroyed.
//
// pending_ counts the tasks plus one for the owner until Join: the thread that brings it to zero
// wakes Join. The acq_rel decrements form one chain, so what every task wrote is seen after Join.
// Checked by: tests/core/runtime/spawn_test.cc.
#ifndef SLUICE_CORE_RUNTIME_TASK_GROUP_H_
#define SLUICE_CORE_RUNTIME_TASK_GROUP_H_

#include <coroutine>
#include <cstddef>
#include <source_location>
#include <utility>

#include "core/base/atomic.h"
#include "core/base/check.h"
#include "core/runtime/handle.h"
#include "core/runtime/root.h"
#include "core/runtime/spawn.h"
#include "core/runtime/task_label.h"
#include "core/task/node_queue.h"
#include "core/task/task.h"

namespace sluice::core {

class TaskGroup final : public TaskEndObserver {
 public:
  explicit TaskGroup(RuntimeHandle runtime) : runtime_(runtime) {}
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup() { SLUICE_CHECK(pending_.load(std::memory_order_acquire) == 0); }

  // `worker`: where it starts, or null.
  void Spawn(Task<void> task, Worker* worker = nullptr,
             const TaskLabel& label = {"", std::source_location::current()}) {
    Start(std::move(task), worker, label);
  }
  void Spawn(Root<void> task, Worker* worker = nullptr,
             const TaskLabel& label = {"", std::source_location::current()}) {
    Start(std::move(task), worker, label);
  }

  class JoinAwaiter final : public Node {
   public:
    explicit JoinAwaiter(TaskGroup& group) : group_(group) {}
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      waiter_ = handle;
      group_.join_ = this;
      group_.join_task_ = handle.promise().task;
      return group_.pending_.fetch_sub(1, std::memory_order_acq_rel) != 1;
    }
    void await_resume() const noexcept {}
    void OnReady() override { waiter_.resume(); }

   private:
    TaskGroup& group_;
    std::coroutine_handle<> waiter_;
  };

  JoinAwaiter Join() { return JoinAwaiter(*this); }

 private:
  template <typename AnyTask>
  void Start(AnyTask task, Worker* worker, const TaskLabel& label) {
    pending_.fetch_add(1, std::memory_order_relaxed);
    SpawnOn(runtime_, worker, std::move(task), this, label).Detach();
  }
  void TaskEnded() override {
    // The thread that brings it to zero is alone with the group: Join has been called, and all
    // other tasks have ended.
    if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) join_task_->Post(*join_);
  }

  const RuntimeHandle runtime_;
  Atomic<size_t> pending_{1};
  Node* join_ = nullptr;  // written before Join's decrement
  Runnable* join_task_ = nullptr;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_TASK_GROUP_H_
