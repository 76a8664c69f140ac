// Model of late timers (core/sched/worker.h), the real code of Worker: two workers have been
// stopped. A task's timer is due in the wheel of the first; what it waits for came meanwhile, and
// is in the reactor of the second.
//
// The pause comes when the second worker has begun: in the middle of a look at its reactor, or at
// any moment after it; nothing but the first one wakes it. A nap ends when the second worker has
// gone to sleep once more: time passes, and it runs.
//
// By mail: what came is for another task, which the first worker has to run and which wakes the one
// with the timer.
#ifndef SLUICE_TESTS_MODEL_LATE_MODEL_H_
#define SLUICE_TESTS_MODEL_LATE_MODEL_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "core/base/counter.h"
#include "core/sched/timer_wheel.h"
#include "tests/model/workers.h"

namespace sluice::model {

class LateClock final : public core::Clock {
 public:
  core::Instant Now() const override {
    return core::Instant(core::Duration(nanos_.load(std::memory_order_seq_cst)));
  }
  void Set(core::Duration now) { nanos_.store(now.count(), std::memory_order_seq_cst); }

 private:
  core::Atomic<int64_t> nanos_{1};
};

class LateReactor final : public SleepingReactor {
 public:
  void Turn(std::optional<core::Duration> timeout, uint32_t limit) override {
    if (on_first_turn) {
      std::exchange(on_first_turn, {})();
    } else if (on_event && has_event.exchange(false, std::memory_order_seq_cst)) {
      core::Count(counters_.completions);
      on_event();
      return;
    }
    SleepingReactor::Turn(timeout, limit);
  }

  void EndNap() { EndSleep(); }

  // Or empty.
  std::function<void()> on_first_turn;
  std::function<void()> on_event;
  std::function<void()> on_sleep;
  core::Atomic<bool> has_event{false};

 private:
  void OnSleep(std::optional<core::Duration> timeout) override {
    if (on_sleep && !timeout.has_value()) on_sleep();
  }
};

// Ends with its timer. What it waits for has to come first.
class LateTask final : public core::Runnable {
 public:
  explicit LateTask(core::Scheduler& scheduler)
      : Runnable(scheduler, first_), event_(*this), timer_(*this) {
    int32_t copied = 0;
    Run(copied);  // from now on it waits
  }
  void Arm(core::TimerWheel& wheel) { wheel.Arm(timer_, core::Instant(1ms), *this); }
  void PostEvent() { Post(event_); }

  bool finished = false;

 private:
  struct First final : core::Node {
    void OnReady() override {}
  };
  struct Event final : core::Node {
    explicit Event(LateTask& task) : task(task) {}
    void OnReady() override { task.seen_.Set(true); }
    LateTask& task;
  };
  struct Due final : core::Timer {
    explicit Due(LateTask& task) : task(task) {}
    void OnReady() override {
      Fired();
      SLUICE_CHECK(task.seen_.Get());
      task.MarkDone();
    }
    LateTask& task;
  };
  void Finish() override { finished = true; }

  First first_;
  Event event_;
  Due timer_;
  Cell<bool> seen_{"the event"};
};

struct LateState {
  LateState(bool in_a_look, bool by_mail) : shared(2) {
    for (LateReactor*& reactor : reactors) {
      const absl::Status status =
          shared.AddWorker(clock, {.buffers = 1, .buffer_size = 64})
              .Start([&](core::BufferPool&) -> absl::StatusOr<std::unique_ptr<core::Reactor>> {
                auto made = std::make_unique<LateReactor>();
                reactor = made.get();
                return made;
              });
      SLUICE_CHECK(status.ok());
    }
    core::Worker::LeaveCurrent();
    task = std::make_unique<LateTask>(shared);
    task->Arm(shared.workers()[0]->wheel());
    reactors[1]->on_first_turn = [this, in_a_look] {
      if (in_a_look) Pause();
      second_has_begun.Set();
    };
    if (by_mail) {
      courier = std::make_unique<Task>(shared);
      courier->on_run = [this] { task->PostEvent(); };
      reactors[1]->on_event = [this] { shared.workers()[0]->ScheduleHere(*courier); };
    } else {
      reactors[1]->on_event = [this] { task->PostEvent(); };
    }
    reactors[1]->on_sleep = [this] { reactors[0]->EndNap(); };
  }
  void Pause() {
    reactors[1]->has_event.store(true, std::memory_order_seq_cst);
    clock.Set(10s);
  }

  LateClock clock;
  core::Shared shared;
  std::array<LateReactor*, 2> reactors{};
  std::unique_ptr<LateTask> task;
  std::unique_ptr<Task> courier;  // or null
  Signal second_has_begun;
};

inline Model BothLate(bool in_a_look, bool by_mail = false) {
  return [=](Execution& run) {
    core::Worker::LeaveCurrent();
    auto& s = run.Make<LateState>(in_a_look, by_mail);
    FollowWorkers(run, s);
    run.Daemon(WorkerName(0), [&s, in_a_look] {
      s.second_has_begun.Wait();
      if (!in_a_look) s.Pause();
      s.shared.workers()[0]->Run();
    });
    run.Daemon(WorkerName(1), [&s] { s.shared.workers()[1]->Run(); });
    run.Finally([&s] {
      core::Worker::LeaveCurrent();
      SLUICE_CHECK(s.task->finished);
    });
  };
}

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_LATE_MODEL_H_
