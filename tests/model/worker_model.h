// Models of the scheduler, the real code of Worker, Shared, IdleSet, InjectQueue and WakeFlag.
#ifndef SLUICE_TESTS_MODEL_WORKER_MODEL_H_
#define SLUICE_TESTS_MODEL_WORKER_MODEL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/check.h"
#include "core/sched/worker.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"
#include "tests/model/workers.h"

namespace sluice::model {

// Tasks are handed in from outside; the workers sleep for ever once there is nothing to do.
inline Model Injecting(uint32_t workers, int tasks) {
  return [=](Execution& run) {
    State& s = MakeWorkers(run, workers);
    RunForEver(run, s);
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
inline Model HandingToOne(uint32_t workers) {
  return [=](Execution& run) {
    State& s = MakeWorkers(run, workers);
    RunForEver(run, s);
    s.tasks.push_back(std::make_unique<Task>(s.shared));
    run.Thread("outside", [&s] { s.shared.workers()[0]->ScheduleHere(*s.tasks[0]); });
    run.Finally([&s] {
      core::Worker::LeaveCurrent();
      SLUICE_CHECK(s.tasks[0]->finished && s.tasks[0]->runs() == 1);
    });
  };
}

// One is told to run a task, all are told to stop.
inline Model Stopping(uint32_t workers) {
  return [=](Execution& run) {
    State& s = MakeWorkers(run, workers);
    for (uint32_t i = 0; i < workers; ++i) {
      run.Thread(WorkerName(i), [&s, i] { s.shared.workers()[i]->Run(); });
    }
    run.Thread("outside", [&s] { s.shared.Stop(); });
    run.Finally([] { core::Worker::LeaveCurrent(); });
  };
}

// They are told to stop when the task has ended that is handed in meanwhile. `wakes`: the worker
// that finds out wakes the others, as the threads of a runtime do.
inline Model StoppingWhenDone(uint32_t workers, bool wakes) {
  return [=](Execution& run) {
    State& s = MakeWorkers(run, workers);
    s.shared.NoteTaskBegin();
    s.tasks.push_back(std::make_unique<Task>(s.shared));
    s.tasks[0]->counted_by = &s.shared;
    for (uint32_t i = 0; i < workers; ++i) {
      run.Thread(WorkerName(i), [&s, i, wakes] {
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

// They have been told to stop with the last task, and each of the two has one: both end at once,
// and neither sees for sure what the other one counts.
inline Model EndingAtOnce() {
  return [](Execution& run) {
    State& s = MakeWorkers(run, 2u);
    for (uint32_t i = 0; i < 2; ++i) {
      s.shared.NoteTaskBegin();
      s.tasks.push_back(std::make_unique<Task>(s.shared));
      s.tasks[i]->counted_by = &s.shared;
      s.shared.workers()[i]->ScheduleHere(*s.tasks[i]);
    }
    s.shared.StopWhenDone();
    // These wake-ups have been used up: the next sleep is one.
    for (const auto& worker : s.shared.workers()) worker->reactor().Turn(std::nullopt, 0);
    for (uint32_t i = 0; i < 2; ++i) {
      run.Thread(WorkerName(i), [&s, i] {
        s.shared.workers()[i]->Run();
        for (const auto& task : s.tasks) SLUICE_CHECK(task->runs() == 1);
        s.shared.WakeAll();
      });
    }
    run.Finally([] { core::Worker::LeaveCurrent(); });
  };
}

// A task of worker 0 that has others begin, and does not end before they have: worker 1, asleep or
// about to be, runs all.
class Parent final : public core::Runnable {
 public:
  Parent(core::Scheduler& scheduler, std::vector<std::unique_ptr<Task>>& children)
      : Runnable(scheduler, first_), first_(*this), children_(children) {}
  bool finished = false;

 private:
  struct First final : core::Node {
    explicit First(Parent& parent) : parent(parent) {}
    void OnReady() override { parent.Spawn(); }
    Parent& parent;
  };
  void Spawn() {
    for (const auto& child : children_) core::Worker::Current()->ScheduleNew(*child);
    for (const auto& child : children_) child->ended.Wait();
    MarkDone();
  }
  void Finish() override { finished = true; }

  First first_;
  std::vector<std::unique_ptr<Task>>& children_;
};

inline Model SpawnedByABusyTask(int children = 2) {
  return [=](Execution& run) {
    State& s = MakeWorkers(run, 2u, core::StealPolicy::kEager);
    RunForEver(run, s);
    for (int i = 0; i < children; ++i) {
      s.tasks.push_back(std::make_unique<Task>(s.shared));
    }
    auto& parent = run.Make<Parent>(s.shared, s.tasks);
    run.Thread("outside", [&s, &parent] { s.shared.workers()[0]->ScheduleHere(parent); });
    run.Finally([&s, &parent] {
      core::Worker::LeaveCurrent();
      SLUICE_CHECK(parent.finished);
      for (const auto& task : s.tasks) SLUICE_CHECK(task->finished && task->runs() == 1);
    });
  };
}

// Two tasks from outside, each of which waits until the other one has begun.
inline Model InjectedSideBySide() {
  return [](Execution& run) {
    State& s = MakeWorkers(run, 2u, core::StealPolicy::kEager);
    RunForEver(run, s);
    auto& begun = run.Make<std::array<Signal, 2>>();
    for (size_t i = 0; i < 2; ++i) {
      s.tasks.push_back(std::make_unique<Task>(s.shared));
      s.tasks[i]->on_run = [&begun, i] {
        begun[i].Set();
        begun[1 - i].Wait();
      };
    }
    run.Thread("outside", [&s] {
      for (const auto& task : s.tasks) s.shared.Schedule(*task);
    });
    run.Finally([&s] {
      core::Worker::LeaveCurrent();
      for (const auto& task : s.tasks) SLUICE_CHECK(task->finished && task->runs() == 1);
    });
  };
}

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_WORKER_MODEL_H_
