// Models of the scheduler, the real code of Worker, Shared, IdleSet, InjectQueue and WakeFlag.
#ifndef SLUICE_TESTS_MODEL_WORKER_MODEL_H_
#define SLUICE_TESTS_MODEL_WORKER_MODEL_H_

#include <memory>
#include <optional>
#include <vector>

#include "core/base/check.h"
#include "core/reactor/wake_flag.h"
#include "core/sched/worker.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"

namespace sluice::model {
// Waits and wakes like the real ones; no operation ever completes.
class SleepingReactor final : public core::Reactor {
 public:
  bool Submit(core::Op&) override { return false; }
  void Cancel(core::Op&) override {}
  bool Retry(core::Op&) override { return false; }
  core::IoResult<int> OpenSocket(int) override { return 0; }
  void Close(int) override {}
  void Turn(std::optional<core::Duration> timeout, uint32_t) override {
    if (timeout == core::Duration::zero() || !wake_.BeginSleep()) return;
    eventfd_.Wait();
    wake_.EndSleep();
  }
  void Trim() override {}
  int64_t in_flight() const override { return 0; }

 protected:
  bool TryWake() override {
    if (wake_.Wake()) eventfd_.Set();
    return true;
  }

 private:
  core::WakeFlag wake_;
  Signal eventfd_;
};

class StoppedClock final : public core::Clock {
 public:
  core::Instant Now() const override { return core::Instant(1ns); }
};

class Task;

struct FirstNode final : core::Node {
  void OnReady() override;
  Cell<int> runs{"the task"};
  Task* task = nullptr;
};

class Task final : public core::Runnable {
 public:
  explicit Task(core::Scheduler& scheduler) : Runnable(scheduler, first_) { first_.task = this; }
  using Runnable::MarkDone;
  int runs() const { return first_.runs.Get(); }
  bool finished = false;
  Signal ended;

 private:
  void Finish() override {
    finished = true;
    ended.Set();
  }
  FirstNode first_;
};

inline void FirstNode::OnReady() {
  runs.Set(runs.Get() + 1);
  task->MarkDone();
}

struct State {
  explicit State(uint32_t count, core::StealPolicy policy = core::StealPolicy::kOverdue)
      : shared(count) {
    const core::WorkerOptions options = {.buffers = 1, .buffer_size = 64, .steal_policy = policy};
    for (uint32_t i = 0; i < count; ++i) {
      const absl::Status status =
          shared.AddWorker(clock, options)
              .Start([](core::BufferPool&) -> absl::StatusOr<std::unique_ptr<core::Reactor>> {
                return std::make_unique<SleepingReactor>();
              });
      SLUICE_CHECK(status.ok());
    }
  }
  StoppedClock clock;
  core::Shared shared;
  std::vector<std::unique_ptr<Task>> tasks;
};

// Whose thread it is: the workers' come first.
inline void FollowWorkers(Execution& run, State& state) {
  run.OnSwitch([&state](int thread) {
    const size_t index = static_cast<size_t>(thread - 1);
    if (index < state.shared.workers().size()) {
      state.shared.workers()[index]->Enter();
    } else {
      core::Worker::LeaveCurrent();
    }
  });
}

// Tasks are handed in from outside; the workers sleep for ever once there is nothing to do.
inline Model Injecting(uint32_t workers, int tasks) {
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
inline Model HandingToOne(uint32_t workers) {
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
inline Model Stopping(uint32_t workers) {
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

// A task of worker 0 that has two others begin and does not end before they have: worker 1, asleep
// or about to be, runs both.
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

inline Model SpawnedByABusyTask() {
  return [](Execution& run) {
    auto& s = run.Make<State>(2u, core::StealPolicy::kEager);
    core::Worker::LeaveCurrent();
    FollowWorkers(run, s);
    for (uint32_t i = 0; i < 2; ++i) {
      run.Daemon(i == 0 ? "worker 0" : "worker 1", [&s, i] { s.shared.workers()[i]->Run(); });
    }
    for (int i = 0; i < 2; ++i) s.tasks.push_back(std::make_unique<Task>(s.shared));
    auto& parent = run.Make<Parent>(s.shared, s.tasks);
    run.Thread("outside", [&s, &parent] { s.shared.workers()[0]->ScheduleHere(parent); });
    run.Finally([&s, &parent] {
      core::Worker::LeaveCurrent();
      SLUICE_CHECK(parent.finished);
      for (const auto& task : s.tasks) SLUICE_CHECK(task->finished && task->runs() == 1);
    });
  };
}

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_WORKER_MODEL_H_
