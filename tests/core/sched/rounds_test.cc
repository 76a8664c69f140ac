// The rounds of a worker (worker.h): what ends one, whose turn it is in it, and timers that are
// late. One worker, stepped by hand, with a scripted reactor and a clock that the test moves.

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "core/base/check.h"
#include "core/base/counter.h"
#include "core/reactor/reactor.h"
#include "core/sched/worker.h"
#include "tests/core/support/virtual_time.h"

namespace sluice::core::testing {
namespace {

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

 protected:
  bool TryWake() override { return true; }
};

// A task that does `work` whenever it is woken. It never ends.
class Job final : public Runnable {
 public:
  Job(Shared& shared, std::function<void(Job&)> work)
      : Runnable(shared, event_), event_(*this), work_(std::move(work)) {}

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

// Steps `count` times a worker with bulk tasks, and one small one that the reactor wakes in every
// turn: how many bulk runs it had to wait for at most.
class BesideBulkTest : public RoundsTest {
 protected:
  void Count(int streams, std::function<void(Job&)> bulk) {
    for (int i = 0; i < streams; ++i) {
      bulk_.push_back(&Add([this, bulk](Job& job) {
        ++waited_;
        bulk(job);
      }));
    }
    Job& talk = Add([this](Job&) {
      most_ = std::max(most_, waited_);
      ++talks_;
    });
    Steps(4 * streams);  // until each has run and shown what it is
    most_ = talks_ = 0;
    for (Job* each : bulk_) each->runs = 0;
    reactor_->script = [this, &talk](uint32_t limit) {
      uint64_t came = 0;
      for (Job* each : bulk_) came += came < limit && each->WakeUp() ? 1 : 0;
      if (talk.WakeUp()) {
        ++came;
        waited_ = 0;
      }
      return came;
    };
    Steps(40 * streams);
    for (const Job* each : bulk_) {
      fewest_ = std::min(fewest_, each->runs);
      largest_ = std::max(largest_, each->runs);
    }
  }

  std::vector<Job*> bulk_;
  int waited_ = 0;  // runs of bulk since the small task was woken
  int most_ = 0;
  int talks_ = 0;
  int fewest_ = 1'000'000;
  int largest_ = 0;
};

TEST_F(BesideBulkTest, WhatUsedUpItsBudgetGoesLast) {
  Count(50, [](Job& job) {
    CopyLargeBuffer(job);
    job.GoOn();
  });
  EXPECT_LE(most_, 1);
  EXPECT_GT(talks_, 500);
  EXPECT_GT(fewest_, 15);
  EXPECT_LE(largest_ - fewest_, 1);
}

// Each waits for its peer after every buffer: it gives way by itself, and the reactor wakes it.
TEST_F(BesideBulkTest, SoDoesWhatTheReactorWakesAfterALargeRun) {
  Count(50, [](Job& job) { job.ConsumeBudgetForBytes(256 << 10); });
  EXPECT_LE(most_, 2);  // two such runs are a round
  EXPECT_GT(talks_, 300);
  EXPECT_GT(fewest_, 15);
  EXPECT_LE(largest_ - fewest_, 1);
}

// More of them than the run queue holds.
TEST_F(BesideBulkTest, AsManyAsOneLikes) {
  Count(1000, [](Job& job) {
    CopyLargeBuffer(job);
    job.GoOn();
  });
  EXPECT_LE(most_, 1);
  EXPECT_GT(fewest_, 15);
  EXPECT_LE(largest_ - fewest_, 1);
}

// Small tasks that are always there, more than a worker can do.
TEST_F(RoundsTest, AFloodOfSmallTasksDoesNotStarveLargeOnes) {
  int small_runs = 0;
  int most = 0;
  std::vector<Job*> bulk;
  for (int i = 0; i < 3; ++i) {
    bulk.push_back(&Add([&](Job& job) {
      most = std::max(most, std::exchange(small_runs, 0));
      CopyLargeBuffer(job);
      job.GoOn();
    }));
  }
  std::vector<Job*> small;
  for (int i = 0; i < 200; ++i) small.push_back(&Add([&small_runs](Job&) { ++small_runs; }));
  reactor_->script = [&small](uint32_t limit) {
    uint64_t came = 0;
    for (Job* each : small) came += came < limit && each->WakeUp() ? 1 : 0;
    return came;
  };
  Steps(500);
  most = 0;
  for (Job* each : bulk) each->runs = 0;
  Steps(20'000);
  EXPECT_LE(most, 2 * 61);
  EXPECT_GE(most, 30);  // nor the other way round
  for (const Job* each : bulk) EXPECT_LE(std::abs(each->runs - bulk[0]->runs), 1);
}

// Counts the tasks between two turns of the reactor while many wait that each do `work`.
class RoundLengthTest : public RoundsTest {
 protected:
  int Longest(const std::function<void(Job&)>& work) {
    int tasks = 0;
    int longest = 0;
    for (int i = 0; i < 200; ++i) {
      Add([&tasks, work](Job& job) {
        ++tasks;
        work(job);
      });
    }
    reactor_->script = [&](uint32_t) {
      longest = std::max(longest, std::exchange(tasks, 0));
      return 0;
    };
    Steps(200);
    return longest;
  }
};

TEST_F(RoundLengthTest, SmallTasks) {
  EXPECT_EQ(Longest([](Job&) {}), 61);
}
TEST_F(RoundLengthTest, ByBytes) {
  EXPECT_LE(Longest([](Job& job) { job.ConsumeBudgetForBytes(100'000); }), 5);
}
TEST_F(RoundLengthTest, ByTime) {
  EXPECT_LE(Longest([this](Job&) { clock_.Advance(100us); }), 16);
}

class LateTimersTest : public RoundsTest {
 protected:
  static constexpr int kSessions = 700;

  // Sessions whose timer is due in 2 s. Their event stops it.
  void StartSessions() {
    timers_.resize(kSessions);
    for (int i = 0; i < kSessions; ++i) {
      Add([this, i](Job& job) {
        timers_[i].Disarm();
        if (job.runs == 1) worker_->wheel().Arm(timers_[i], clock_.Now() + 2s, job);
      });
    }
    RunUntilIdle();
  }
  // What came during a pause is told in several turns, at most `each` in one.
  void DeliverEvents(uint32_t each) {
    reactor_->script = [this, each](uint32_t limit) {
      uint64_t came = 0;
      for (; came < std::min(each, limit) && delivered_ < kSessions; ++came) {
        jobs_[delivered_++].WakeUp();
      }
      return came;
    };
  }
  int fired() const {
    int count = 0;
    for (const JobTimer& timer : timers_) count += timer.fired;
    return count;
  }

  std::deque<JobTimer> timers_;
  size_t delivered_ = 0;
};

TEST_F(LateTimersTest, EventsThatAreThereGoFirst) {
  StartSessions();
  DeliverEvents(20);
  clock_.Advance(3s);
  RunUntilIdle();
  EXPECT_EQ(delivered_, static_cast<size_t>(kSessions));
  EXPECT_EQ(fired(), 0);
}

// A wait that is interrupted by the pause brings nothing the first time.
TEST_F(LateTimersTest, AlsoWhenTheFirstTurnBringsNothing) {
  StartSessions();
  DeliverEvents(20);
  reactor_->script = [script = reactor_->script, first = true](uint32_t limit) mutable {
    return std::exchange(first, false) ? 0 : script(limit);
  };
  clock_.Advance(3s);
  RunUntilIdle();
  EXPECT_EQ(fired(), 0);
}

TEST_F(LateTimersTest, ASecondPauseAmongTheEvents) {
  StartSessions();
  DeliverEvents(20);
  clock_.Advance(3s);
  for (int pause = 0; pause < 5; ++pause) {
    Steps(50);
    clock_.Advance(1s);
  }
  RunUntilIdle();
  EXPECT_EQ(delivered_, static_cast<size_t>(kSessions));
  EXPECT_EQ(fired(), 0);
}

// What one task does with its event (gives a slot back, say) wakes another whose timer is due.
TEST_F(LateTimersTest, TheTasksHaveSeenTheEvents) {
  JobTimer timer;
  Job& waiting = Add([&](Job& job) {
    timer.Disarm();
    if (job.runs == 1) worker_->wheel().Arm(timer, clock_.Now() + 1s, job);
  });
  Job* next = &waiting;
  for (int i = 0; i < 100; ++i) {  // each wakes the one before it
    next = &Add([previous = next](Job& job) {
      if (job.runs > 1) previous->WakeUp();
    });
  }
  RunUntilIdle();
  reactor_->script = [&, first = true](uint32_t) mutable {
    return std::exchange(first, false) && next->WakeUp() ? 1 : 0;
  };
  clock_.Advance(2s);
  RunUntilIdle();
  EXPECT_EQ(waiting.runs, 2);
  EXPECT_EQ(timer.fired, 0);
}

TEST_F(LateTimersTest, FireWhenNothingHasCome) {
  StartSessions();
  clock_.Advance(3s);
  const uint64_t before = turns();
  EXPECT_TRUE(worker_->Step());
  EXPECT_LE(turns() - before, 2u);
  RunUntilIdle();
  EXPECT_EQ(fired(), kSessions);
}

// A worker that is never without work, and each turn brings more.
TEST_F(LateTimersTest, SteadyTrafficDelaysThemByABoundedTime) {
  for (const Duration pace : {Duration(100us), Duration(1ms), Duration(20ms)}) {
    JobTimer timer;
    Job& owner = Add([&](Job& job) { worker_->wheel().Arm(timer, clock_.Now() + 1s, job); });
    Job& busy = Add([&](Job&) { clock_.Advance(pace); });
    RunUntilIdle();
    reactor_->script = [&busy](uint32_t) { return busy.WakeUp() ? 1 : 0; };
    clock_.Advance(3s);
    const Instant resumed = clock_.Now();
    while (timer.fired == 0 && clock_.Now() < resumed + 10s) worker_->Step();
    EXPECT_EQ(timer.fired, 1);
    EXPECT_LE(clock_.Now() - resumed, (520 / 5 + 2) * std::max<Duration>(pace, 5ms));
    reactor_->script = nullptr;
    RunUntilIdle();
    EXPECT_EQ(owner.runs, 1);
  }
}

TEST_F(LateTimersTest, TrafficDoesNotDelayTimersThatAreOnTime) {
  JobTimer timer;
  Add([&](Job& job) { worker_->wheel().Arm(timer, clock_.Now() + 10ms, job); });
  Job& busy = Add([&](Job&) { clock_.Advance(1ms); });
  RunUntilIdle();
  const Instant due = timer.deadline();
  reactor_->script = [&busy](uint32_t) { return busy.WakeUp() ? 1 : 0; };
  while (timer.fired == 0 && clock_.Now() < due + 1s) worker_->Step();
  EXPECT_EQ(timer.fired, 1);
  EXPECT_LE(clock_.Now(), due + 3ms);
  reactor_->script = nullptr;
  RunUntilIdle();
}

}  // namespace
}  // namespace sluice::core::testing
