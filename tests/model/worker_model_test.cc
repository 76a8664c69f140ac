// The scheduler, the real code of Worker, Shared, IdleSet, InjectQueue and WakeFlag: what is handed
// in from outside runs once, whatever the workers are doing (no lost wake-up, not all asleep with
// work queued), and all workers stop when they are told to, at once or with the last task.
#include <cstdint>
#include <memory>

#include "core/base/check.h"
#include "core/sched/worker.h"
#include "tests/model/expect.h"
#include "tests/model/workers.h"

namespace sluice::model {
namespace {

// Tasks are handed in from outside; the workers sleep for ever once there is nothing to do.
Model Injecting(uint32_t workers, int tasks) {
  return [=](Execution& run) {
    auto& s = run.Make<State>(workers);
    core::Worker::LeaveCurrent();
    FollowWorkers(run, s);
    for (uint32_t i = 0; i < workers; ++i) {
      run.Daemon(i == 0 ? "worker 0" : "worker 1", [&s, i] { s.shared.workers()[i]->Run(); });
    }
    for (int i = 0; i < tasks; ++i) {
      s.tasks.push_back(std::make_unique<Task>(s.shared));
      run.Thread(i == 0 ? "outside 0" : "outside 1", [&s, i] { s.shared.Schedule(*s.tasks[i]); });
    }
    run.Finally([&s] {
      core::Worker::LeaveCurrent();
      SLUICE_CHECK(s.shared.PopInjected() == nullptr);
      for (const auto& task : s.tasks) SLUICE_CHECK(task->finished && task->runs() == 1);
    });
  };
}

// A task is handed to worker 0 (its mailbox) while it goes to sleep.
Model HandingToOne(uint32_t workers) {
  return [=](Execution& run) {
    auto& s = run.Make<State>(workers);
    core::Worker::LeaveCurrent();
    FollowWorkers(run, s);
    for (uint32_t i = 0; i < workers; ++i) {
      run.Daemon(i == 0 ? "worker 0" : "worker 1", [&s, i] { s.shared.workers()[i]->Run(); });
    }
    s.tasks.push_back(std::make_unique<Task>(s.shared));
    run.Thread("outside", [&s] { s.shared.workers()[0]->ScheduleHere(*s.tasks[0]); });
    run.Finally([&s] {
      core::Worker::LeaveCurrent();
      SLUICE_CHECK(s.tasks[0]->finished && s.tasks[0]->runs() == 1);
    });
  };
}

// One is told to run a task, all are told to stop.
Model Stopping(uint32_t workers) {
  return [=](Execution& run) {
    auto& s = run.Make<State>(workers);
    core::Worker::LeaveCurrent();
    FollowWorkers(run, s);
    for (uint32_t i = 0; i < workers; ++i) {
      run.Thread(i == 0 ? "worker 0" : "worker 1", [&s, i] { s.shared.workers()[i]->Run(); });
    }
    run.Thread("outside", [&s] { s.shared.Stop(); });
    run.Finally([] { core::Worker::LeaveCurrent(); });
  };
}

// They are told to stop when the task has ended that is handed in meanwhile. `wakes`: the worker
// that finds out wakes the others, as the threads of a runtime do.
Model StoppingWhenDone(uint32_t workers, bool wakes) {
  return [=](Execution& run) {
    auto& s = run.Make<State>(workers);
    core::Worker::LeaveCurrent();
    FollowWorkers(run, s);
    s.shared.NoteTaskBegin();
    s.tasks.push_back(std::make_unique<Task>(s.shared));
    s.tasks[0]->counted_by = &s.shared;
    for (uint32_t i = 0; i < workers; ++i) {
      run.Thread(i == 0 ? "worker 0" : "worker 1", [&s, i, wakes] {
        s.shared.workers()[i]->Run();
        SLUICE_CHECK(s.tasks[0]->finished);
        if (wakes) s.shared.WakeAll();
      });
    }
    run.Thread("outside", [&s] {
      s.shared.StopWhenDone();
      s.shared.Schedule(*s.tasks[0]);
    });
    run.Finally([] { core::Worker::LeaveCurrent(); });
  };
}

TEST(Worker, OneWorkerOneTask) { ExpectHolds(Injecting(1, 1)); }
TEST(Worker, OneWorkerStops) { ExpectHolds(Stopping(1)); }
TEST(Worker, TwoWorkersStop) { ExpectHolds(Stopping(2)); }

TEST(Worker, OneWorkerStopsWhenDone) { ExpectHolds(StoppingWhenDone(1, true)); }

// Too many executions to see all: those with few preemptions, and some of the others.
constexpr uint64_t kSamples = 50'000;
TEST(Worker, OneWorkerTwoTasks) {
  ExpectHolds(Injecting(1, 2), {.preemptions = 4});
  ExpectHolds(Injecting(1, 2), {.samples = kSamples});
}
TEST(Worker, TwoWorkersOneTask) {
  ExpectHolds(Injecting(2, 1), {.preemptions = 3});
  ExpectHolds(Injecting(2, 1), {.samples = kSamples});
}
TEST(Worker, TwoWorkersTwoTasks) {
  ExpectHolds(Injecting(2, 2), {.preemptions = 2});
  ExpectHolds(Injecting(2, 2), {.samples = kSamples});
}

TEST(Worker, TwoWorkersStopWhenDone) {
  ExpectHolds(StoppingWhenDone(2, true), {.preemptions = 2});
  ExpectHolds(StoppingWhenDone(2, true), {.samples = kSamples});
}

TEST(Worker, Mailbox) { ExpectHolds(HandingToOne(1)); }
TEST(Worker, MailboxOfOneOfTwo) {
  ExpectHolds(HandingToOne(2), {.preemptions = 3});
  ExpectHolds(HandingToOne(2), {.samples = kSamples});
}

// The mailbox is looked at without its lock: the wake-up is what makes the task visible.
TEST(WorkerMutant, MailboxWithoutTheWakeUpsRelease) {
  ExpectCaught(HandingToOne(1),
               {"WakeFlag::Wake(", Action::kUpdate, -1, std::memory_order_acquire});
}
TEST(WorkerMutant, StoppedWithoutTheWakeUpsRelease) {
  ExpectCaught(Stopping(1), {"WakeFlag::Wake(", Action::kUpdate, -1, std::memory_order_acquire});
}
TEST(WorkerMutant, DoneAndTheOthersNotWoken) {
  ExpectFails(StoppingWhenDone(2, false), {.preemptions = 2});
}
TEST(WorkerMutant, NotifyWithoutFence) {
  ExpectCaught(Injecting(1, 1), {"PickToWake(", Action::kFence});
}
TEST(WorkerMutant, SamplesFindItToo) {
  ExpectCaught(Injecting(2, 1), {"PickToWake(", Action::kFence}, {.samples = kSamples});
}
TEST(WorkerMutant, ParkWithoutFence) {
  ExpectCaught(Injecting(1, 1), {"BeginPark(", Action::kFence});
}

}  // namespace
}  // namespace sluice::model
