// For models of what the workers of a runtime do: real ones, on a reactor that only sleeps.
#ifndef SLUICE_TESTS_MODEL_WORKERS_H_
#define SLUICE_TESTS_MODEL_WORKERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/reactor/reactor.h"
#include "core/reactor/wake_flag.h"
#include "core/sched/shared.h"
#include "core/sched/worker.h"
#include "core/task/runnable.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"

namespace sluice::model {

// Waits and wakes like the real ones; no operation ever completes.
class SleepingReactor : public core::Reactor {
 public:
  bool Submit(core::Op&) override { return false; }
  void Cancel(core::Op&) override {}
  bool Retry(core::Op&) override { return false; }
  core::IoResult<int> OpenSocket(int) override { return 0; }
  void Close(int) override {}
  void Turn(std::optional<core::Duration> timeout, uint32_t) override {
    if (timeout == core::Duration::zero() || !wake_.BeginSleep()) return;
    OnSleep(timeout);
    eventfd_.Wait();
    wake_.EndSleep();
  }
  void Trim() override {}
  int64_t in_flight() const override { return 0; }

 protected:
  bool TryWake() override {
    if (wake_.Wake()) EndSleep();
    return true;
  }
  // The real one's eventfd becomes readable.
  void EndSleep() { eventfd_.Set(); }
  virtual void OnSleep(std::optional<core::Duration> /*timeout*/) {}

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
  core::Shared* counted_by = nullptr;  // is told of its end
  std::function<void()> on_run;        // or empty

 private:
  void Finish() override {
    finished = true;
    ended.Set();
    if (counted_by != nullptr) counted_by->NoteTaskEnd();
  }
  FirstNode first_;
};

inline void FirstNode::OnReady() {
  runs.Set(runs.Get() + 1);
  if (task->on_run) task->on_run();
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
template <typename State>
void FollowWorkers(Execution& run, State& state) {
  run.OnSwitch([&state](int thread) {
    const size_t index = static_cast<size_t>(thread - 1);
    if (index < state.shared.workers().size()) {
      state.shared.workers()[index]->Enter();
    } else {
      core::Worker::LeaveCurrent();
    }
  });
}

// Workers on which nothing runs yet.
inline State& MakeWorkers(Execution& run, uint32_t count,
                          core::StealPolicy policy = core::StealPolicy::kOverdue) {
  auto& state = run.Make<State>(count, policy);
  core::Worker::LeaveCurrent();
  FollowWorkers(run, state);
  return state;
}

inline const char* WorkerName(uint32_t index) {
  constexpr std::array kNames = {"worker 0", "worker 1", "worker 2"};
  return kNames[index];
}

// They sleep for ever once there is nothing to do.
inline void RunForEver(Execution& run, State& state) {
  for (uint32_t i = 0; i < state.shared.workers().size(); ++i) {
    run.Daemon(WorkerName(i), [&state, i] { state.shared.workers()[i]->Run(); });
  }
}

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_WORKERS_H_
