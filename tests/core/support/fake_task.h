// FakeTask: a Runnable without a coroutine, for tests of what carries or posts to Runnables. It may
// be scheduled on a ManualScheduler, which keeps the tasks in the order in which they came.
#ifndef SLUICE_TESTS_CORE_SUPPORT_FAKE_TASK_H_
#define SLUICE_TESTS_CORE_SUPPORT_FAKE_TASK_H_

#include <cstddef>

#include "core/sched/inject_queue.h"
#include "core/task/runnable.h"

namespace sluice::core::testing {

class ManualScheduler final : public Scheduler {
 public:
  void Schedule(Runnable& runnable) override { queue_.Push(runnable); }

  // Runs one scheduled task, if there is any, and puts it back when it yields.
  bool RunOne() {
    Runnable* task = queue_.Pop();
    if (task == nullptr) return false;
    if (task->Run() == Runnable::Outcome::kYield) queue_.Push(*task);
    return true;
  }
  void RunAll() {
    while (RunOne()) {
    }
  }
  size_t size() const { return queue_.size(); }

 private:
  InjectQueue queue_;
};

class FakeTask final : public Runnable {
 public:
  FakeTask() : FakeTask(Nowhere()) {}
  // Idle from the start.
  explicit FakeTask(ManualScheduler& scheduler) : Runnable(scheduler, first_) { Run(); }

  void End() { MarkDone(); }
  bool finished() const { return finished_; }

  int label = 0;
  int taken = 0;

 private:
  struct Nothing final : Node {
    void OnReady() override {}
  };
  static ManualScheduler& Nowhere() {
    static ManualScheduler scheduler;
    return scheduler;
  }
  void Finish() override { finished_ = true; }

  Nothing first_;
  bool finished_ = false;
};

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_SUPPORT_FAKE_TASK_H_
