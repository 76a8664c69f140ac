// Model of backlogs (Worker::WakeForBacklog, PassOnSearch), the real code of Worker, StealQueue and
// IdleSet: what has piled up at a worker that computes on and on is run by another one, which is
// asleep or about to be, or watches what had piled up before.
//
// The first worker queues the tasks and then waits until one of them has been run: only another one
// can. Each may sleep for ever where nothing wakes it; a wait with a timeout lets that time pass.
#ifndef SLUICE_TESTS_MODEL_BACKLOG_MODEL_H_
#define SLUICE_TESTS_MODEL_BACKLOG_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "tests/model/workers.h"

namespace sluice::model {

class PassingClock final : public core::Clock {
 public:
  core::Instant Now() const override {
    return core::Instant(core::Duration(nanos_.load(std::memory_order_seq_cst)));
  }
  void Pass(core::Duration by) { nanos_.fetch_add(by.count(), std::memory_order_seq_cst); }

 private:
  core::Atomic<int64_t> nanos_{1};
};

class PassingReactor final : public core::Reactor {
 public:
  explicit PassingReactor(PassingClock& clock) : clock_(clock) {}

  bool Submit(core::Op&) override { return false; }
  void Cancel(core::Op&) override {}
  bool Retry(core::Op&) override { return false; }
  core::IoResult<int> OpenSocket(int) override { return 0; }
  void Close(int) override {}
  void Turn(std::optional<core::Duration> timeout, uint32_t) override {
    if (timeout == core::Duration::zero()) return;
    if (timeout.has_value()) {
      if (on_watch) std::exchange(on_watch, {})();
      return clock_.Pass(*timeout);
    }
    if (!wake_.BeginSleep()) return;
    if (on_sleep) std::exchange(on_sleep, {})();
    eventfd_.Wait();
    wake_.EndSleep();
  }
  void Trim() override {}
  int64_t in_flight() const override { return 0; }

  // Once, the first time; or empty.
  std::function<void()> on_watch;
  std::function<void()> on_sleep;

 protected:
  bool TryWake() override {
    if (wake_.Wake()) eventfd_.Set();
    return true;
  }

 private:
  PassingClock& clock_;
  core::WakeFlag wake_;
  Signal eventfd_;
};

struct BacklogState {
  explicit BacklogState(uint32_t workers) : shared(workers) {
    const core::WorkerOptions options = {
        .buffers = 1, .buffer_size = 64, .steal_policy = core::StealPolicy::kOverdue};
    for (uint32_t i = 0; i < workers; ++i) {
      const absl::Status status =
          shared.AddWorker(clock, options)
              .Start([&](core::BufferPool&) -> absl::StatusOr<std::unique_ptr<core::Reactor>> {
                auto made = std::make_unique<PassingReactor>(clock);
                reactors.push_back(made.get());
                return made;
              });
      SLUICE_CHECK(status.ok());
    }
  }
  // Of the first worker. From within its thread, or before there are any.
  void Queue(int count) {
    for (; count > 0; --count) {
      tasks.push_back(std::make_unique<Task>(shared));
      tasks.back()->on_run = [this, index = tasks.size() - 1] {
        if (on_run) on_run(index);
      };
      shared.workers()[0]->ScheduleLast(*tasks.back());
    }
  }
  // All that the first one does: in the end it runs what is left.
  void Compute(int pushed) {
    const size_t before = tasks.size();
    Queue(pushed);
    tasks[before]->ended.Wait();
    shared.workers()[0]->Run();
  }

  PassingClock clock;
  core::Shared shared;
  std::vector<PassingReactor*> reactors;
  std::vector<std::unique_ptr<Task>> tasks;
  std::function<void(size_t index)> on_run;  // of each of them; or empty
  Signal begin;
};

inline BacklogState& MakeBacklog(Execution& run, uint32_t workers, int before) {
  core::Worker::LeaveCurrent();
  auto& s = run.Make<BacklogState>(workers);
  FollowWorkers(run, s);
  s.shared.workers()[0]->Enter();
  s.Queue(before);
  core::Worker::LeaveCurrent();
  run.Finally([&s] {
    core::Worker::LeaveCurrent();
    for (const auto& task : s.tasks) SLUICE_CHECK(task->finished && task->runs() == 1);
  });
  return s;
}

// 16 are worth waking a worker for; of three it sees no backlog, four it watches.
inline constexpr int kUnseen = 3;
inline constexpr int kWatched = 4;
inline constexpr int kBacklog = 16;

// `before` tasks wait there from the start; then it queues `pushed` others, which begins at any
// time.
inline Model Backlog(int before, int pushed) {
  return [=](Execution& run) {
    auto& s = MakeBacklog(run, 2, before);
    run.Daemon(WorkerName(0), [&s, pushed] {
      s.begin.Wait();
      s.Compute(pushed);
    });
    run.Daemon(WorkerName(1), [&s] { s.shared.workers()[1]->Run(); });
    run.Thread("the outside", [&s] { s.begin.Set(); });
  };
}

// The next one, while the second worker watches the first one, or has just ceased to: of the four
// it takes two, and of what is queued then at most half, so that there are always 16 in the end.
inline Model NextBacklog() {
  return [](Execution& run) {
    auto& s = MakeBacklog(run, 2, kWatched);
    s.reactors[1]->on_watch = [&s] { s.begin.Set(); };
    run.Daemon(WorkerName(0), [&s] {
      s.begin.Wait();
      s.Compute(kBacklog + kWatched);
    });
    run.Daemon(WorkerName(1), [&s] { s.shared.workers()[1]->Run(); });
  };
}

// The third worker watches, while the second one sleeps. Then it has something of its own to do,
// which takes as long as what the first one does.
inline Model WatcherIsBusy() {
  return [](Execution& run) {
    auto& s = MakeBacklog(run, 3, 0);
    auto& asleep = run.Make<Signal>();
    auto& watch = run.Make<Signal>();
    auto& others_run = run.Make<Signal>();
    auto& own = run.Make<Task>(s.shared);
    s.reactors[1]->on_sleep = [&asleep] { asleep.Set(); };
    s.reactors[2]->on_watch = [&s, &own] {
      s.shared.workers()[2]->ScheduleLast(own);
      s.begin.Set();
    };
    own.on_run = [&others_run] { others_run.Wait(); };
    s.on_run = [&others_run](size_t index) {
      if (index == kWatched) others_run.Set();
    };
    run.Daemon(WorkerName(0), [&s, &asleep, &watch] {
      asleep.Wait();
      s.Queue(kWatched);
      watch.Set();
      s.begin.Wait();
      s.Compute(kBacklog - kWatched);
    });
    run.Daemon(WorkerName(1), [&s] { s.shared.workers()[1]->Run(); });
    run.Daemon(WorkerName(2), [&s, &watch] {
      watch.Wait();
      s.shared.workers()[2]->Run();
    });
  };
}

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_BACKLOG_MODEL_H_
