// IdleSet with the real InjectQueue and WakeFlag, in the loop of Worker::Run and Park (transcribed
// and shortened: no local queue, no stealing): every task handed in runs once, so no wake-up is
// lost and the workers are not all asleep with work queued. worker_model_test: the real Worker.
#include <array>
#include <string>

#include "core/base/check.h"
#include "core/reactor/wake_flag.h"
#include "core/sched/idle_set.h"
#include "core/sched/inject_queue.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"

namespace sluice::model {
namespace {

struct Mistakes {
  bool looks_before_park = false;  // looks once more before its bit is set, not after
  bool keeps_searching = false;    // parks while it still counts as a searcher
};

struct Nothing final : core::Node {
  void OnReady() override {}
};

class Task final : public core::Runnable {
 public:
  explicit Task(core::Scheduler& scheduler) : Runnable(scheduler, node_) {}
  Cell<int> runs{"the task"};

 private:
  void Finish() override {}
  Nothing node_;
};

struct State final : core::Scheduler {
  State(uint32_t workers, const Mistakes& mistakes) : mistakes(mistakes), idle(workers) {}

  // Shared::Schedule from outside, and NotifyOne.
  void Schedule(core::Runnable& task) override {
    inject.Push(task);
    NotifyOne();
  }
  void NotifyOne() {
    const int index = idle.PickToWake();
    if (index < 0) return;
    if (flags[index].Wake()) eventfds[index].Set();
  }

  void Work(uint32_t index) {
    bool searching = false;
    for (;;) {
      core::Runnable* runnable = inject.Pop();
      if (runnable == nullptr && !searching) {
        searching = idle.TryStartSearching();
        if (searching) runnable = inject.Pop();
      }
      if (runnable != nullptr) {
        if (searching && idle.StopSearching() && !inject.empty()) NotifyOne();
        searching = false;
        Task& task = static_cast<Task&>(*runnable);
        task.runs.Set(task.runs.Get() + 1);
        continue;
      }
      searching = Park(index, searching);
    }
  }
  bool Park(uint32_t index, bool searching) {
    if (searching && !mistakes.keeps_searching) idle.StopSearching();
    bool look_again = mistakes.looks_before_park && !inject.empty();
    idle.BeginPark(index);
    if (!mistakes.looks_before_park) look_again = !inject.empty();
    if (!look_again && flags[index].BeginSleep()) {
      eventfds[index].Wait();
      flags[index].EndSleep();
    }
    return idle.FinishPark(index);
  }

  const Mistakes mistakes;
  core::IdleSet idle;
  core::InjectQueue inject;
  std::array<core::WakeFlag, 2> flags;
  std::array<Signal, 2> eventfds;
  std::array<Task, 2> tasks{Task(*this), Task(*this)};
};

Model Handing(uint32_t workers, int tasks, const Mistakes& mistakes = {}) {
  return [=](Execution& run) {
    auto& s = run.Make<State>(workers, mistakes);
    for (uint32_t i = 0; i < workers; ++i) {
      run.Daemon(i == 0 ? "worker 0" : "worker 1", [&s, i] { s.Work(i); });
    }
    run.Thread("outside", [&s, tasks] {
      for (int i = 0; i < tasks; ++i) {
        s.tasks[i].runs.Set(0);
        s.Schedule(s.tasks[i]);
      }
    });
    run.Finally([&s, tasks] {
      SLUICE_CHECK(s.inject.empty());
      for (int i = 0; i < tasks; ++i) SLUICE_CHECK(s.tasks[i].runs.Get() == 1);
    });
  };
}

TEST(IdleSet, OneWorkerOneTask) { ExpectHolds(Handing(1, 1)); }
// Too many executions to see all: those with few preemptions, and some of the others.
TEST(IdleSet, OneWorkerTwoTasks) {
  ExpectHolds(Handing(1, 2), {.preemptions = 2});
  ExpectHolds(Handing(1, 2), {.samples = 100'000});
}
TEST(IdleSet, TwoWorkersOneTask) {
  ExpectHolds(Handing(2, 1), {.preemptions = 2});
  ExpectHolds(Handing(2, 1), {.samples = 100'000});
}
TEST(IdleSet, TwoWorkersTwoTasks) {
  ExpectHolds(Handing(2, 2), {.preemptions = 1});
  ExpectHolds(Handing(2, 2), {.samples = 100'000});
}

TEST(IdleSetMutant, LooksOnceMoreTooEarly) {
  ExpectFails(Handing(1, 1, {.looks_before_park = true}));
}
TEST(IdleSetMutant, ParksAsASearcher) { ExpectFails(Handing(1, 1, {.keeps_searching = true})); }
TEST(IdleSetMutant, NotifyWithoutFence) {
  ExpectCaught(Handing(1, 1), {"PickToWake(", Action::kFence});
}
TEST(IdleSetMutant, ParkWithoutFence) {
  ExpectCaught(Handing(1, 1), {"BeginPark(", Action::kFence});
}
TEST(InjectQueueMutant, UnlockedSizeWithoutRelease) {
  Options options;  // the fences order it: release is not what a sleeper relies on
  options.mutations = {{"InjectQueue::Push(", Action::kStore}};
  ExpectHolds(Handing(1, 1), options);
}

}  // namespace
}  // namespace sluice::model
