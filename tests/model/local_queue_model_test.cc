// LocalQueue, the real one on a real Worker: a task that another thread schedules runs once,
// whatever the worker is doing, and so does one that a local task schedules.
#include <cstddef>
#include <memory>
#include <utility>

#include "core/base/check.h"
#include "core/runtime/local_queue.h"
#include "core/sched/worker.h"
#include "tests/model/expect.h"
#include "tests/model/workers.h"

namespace sluice::model {
namespace {

struct Local {
  explicit Local(size_t tasks) : state(1), queue(state.shared, *state.shared.workers()[0]) {
    for (size_t i = 0; i < tasks; ++i) state.tasks.push_back(std::make_unique<Task>(queue));
  }
  void Check() {
    core::Worker::LeaveCurrent();
    SLUICE_CHECK(queue.PopRemote() == nullptr);
    for (const auto& task : state.tasks) SLUICE_CHECK(task->finished && task->runs() == 1);
  }

  State state;
  core::LocalQueue queue;
};

// From one thread each. The worker sleeps for ever once there is nothing to do.
Model Scheduling(size_t tasks) {
  return [=](Execution& run) {
    auto& s = run.Make<Local>(tasks);
    core::Worker::LeaveCurrent();
    FollowWorkers(run, s.state);
    run.Daemon("worker 0", [&s] { s.state.shared.workers()[0]->Run(); });
    for (size_t i = 0; i < tasks; ++i) {
      run.Thread(i == 0 ? "outside 0" : "outside 1",
                 [&s, i] { s.queue.Schedule(*s.state.tasks[i]); });
    }
    run.Finally([&s] { s.Check(); });
  };
}

// The second task is scheduled by the first, a third by another thread meanwhile.
void SchedulingInside(Execution& run) {
  auto& s = run.Make<Local>(3);
  core::Worker::LeaveCurrent();
  FollowWorkers(run, s.state);
  s.state.tasks[0]->on_run = [&s] { s.queue.Schedule(*s.state.tasks[1]); };
  run.Daemon("worker 0", [&s] { s.state.shared.workers()[0]->Run(); });
  run.Thread("outside 0", [&s] { s.queue.Schedule(*s.state.tasks[0]); });
  run.Thread("outside 1", [&s] { s.queue.Schedule(*s.state.tasks[2]); });
  run.Finally([&s] { s.Check(); });
}

TEST(LocalQueue, OneTask) { ExpectHolds(Scheduling(1)); }

// Too many executions to see all: those with few preemptions, and some of the others.
constexpr uint64_t kSamples = 50'000;
TEST(LocalQueue, TwoTasks) {
  ExpectHolds(Scheduling(2), {.preemptions = 3});
  ExpectHolds(Scheduling(2), {.samples = kSamples});
}
TEST(LocalQueue, TasksThatScheduleTasks) {
  ExpectHolds(SchedulingInside, {.preemptions = 2});
  ExpectHolds(SchedulingInside, {.samples = kSamples});
}

// The lock of the queue orders what is needed: a batch that runs sees one task, takes the lock, and
// sees all that were queued before the flag was set.
TEST(LocalQueue, TheOrdersOfTheFlagAreMoreThanNeeded) {
  Options options{.preemptions = 3};
  for (const char* place : {"LocalQueue::OnReady(", "LocalQueue::Schedule("}) {
    options.mutations = {{place, Action::kUpdate, -1, std::memory_order_relaxed}};
    ExpectHolds(Scheduling(2), options);
  }
}

// The batch comes through the mailbox, which is looked at without its lock.
TEST(LocalQueueMutant, ScheduledWithoutTheWakeUpsRelease) {
  ExpectCaught(Scheduling(1), {"WakeFlag::Wake(", Action::kUpdate, -1, std::memory_order_acquire});
}

}  // namespace
}  // namespace sluice::model
