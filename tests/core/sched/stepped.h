// A worker that a test steps by hand, with a scripted reactor and a clock that the test moves.
#ifndef SLUICE_TESTS_CORE_SCHED_STEPPED_H_
#define SLUICE_TESTS_CORE_SCHED_STEPPED_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "core/base/check.h"
#include "core/base/counter.h"
#include "core/reactor/reactor.h"
#include "core/sched/worker.h"
#include "tests/core/support/virtual_time.h"

namespace sluice::core::testing {

// Calls the test's script where another reactor asks the kernel. The script posts what has come and
// returns how much it was.
class ScriptedReactor final : public Reactor {
 public:
  bool Submit(Op&) override { SLUICE_CHECK(false); }
  void Cancel(Op&) override { SLUICE_CHECK(false); }
  bool Retry(Op&) override { SLUICE_CHECK(false); }
  IoResult<int> OpenSocket(int) override { SLUICE_CHECK(false); }
  void Close(int) override { SLUICE_CHECK(false); }
  int64_t in_flight() const override { return 0; }
  void Trim() override {}
  void Turn(std::optional<Duration>, uint32_t limit) override {
    Count(counters_.turns);
    if (script != nullptr) Count(counters_.completions, script(limit));
  }

  std::function<uint64_t(uint32_t limit)> script;
  int wakes = 0;

 protected:
  bool TryWake() override {
    ++wakes;
    return true;
  }
};

// A task that does `work` whenever it is woken. It never ends.
class Job final : public Runnable {
 public:
  Job(Scheduler& scheduler, std::function<void(Job&)> work)
      : Runnable(scheduler, event_), event_(*this), work_(std::move(work)) {}

  // False: it is awake already.
  bool WakeUp() {
    if (std::exchange(awake_, true)) return false;
    Post(event_);
    return true;
  }
  // From within its work: there is more to do.
  void GoOn() { WakeUp(); }

  int runs = 0;

 private:
  struct Event final : Node {
    explicit Event(Job& job) : job(job) {}
    void OnReady() override {
      job.awake_ = false;
      ++job.runs;
      job.work_(job);
    }
    Job& job;
  };
  void Finish() override {}

  Event event_;
  bool awake_ = true;
  std::function<void(Job&)> work_;
};

// What it wakes is `job`, and only that.
class JobTimer final : public Timer {
 public:
  void OnReady() override {
    Fired();
    ++fired;
  }
  int fired = 0;
};

class RoundsTest : public ::testing::Test {
 protected:
  RoundsTest() {
    worker_ = &shared_.AddWorker(clock_, {.buffers = 1});
    SLUICE_CHECK(worker_
                     ->Start([this](BufferPool&) -> absl::StatusOr<std::unique_ptr<Reactor>> {
                       auto reactor = std::make_unique<ScriptedReactor>();
                       reactor_ = reactor.get();
                       return reactor;
                     })
                     .ok());
    worker_->Enter();
  }
  ~RoundsTest() override { Worker::LeaveCurrent(); }

  // Queued from the start.
  Job& Add(std::function<void(Job&)> work) {
    jobs_.emplace_back(shared_, std::move(work));
    worker_->ScheduleLast(jobs_.back());
    return jobs_.back();
  }
  void Steps(int count) {
    for (; count > 0; --count) worker_->Step();
  }
  void RunUntilIdle() {
    while (worker_->Step()) {
    }
  }
  uint64_t turns() const { return reactor_->counters().turns.load(); }

  // A large buffer comes in and goes out: this uses up the budget.
  static void CopyLargeBuffer(Job& job) {
    for (int i = 0; i < 2; ++i) job.ConsumeBudgetForBytes(256 << 10);
  }

  VirtualClock clock_;
  Shared shared_{1};
  Worker* worker_ = nullptr;
  ScriptedReactor* reactor_ = nullptr;
  std::deque<Job> jobs_;
};

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_SCHED_STEPPED_H_
