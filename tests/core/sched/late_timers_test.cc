// Timers that are late (worker.h): what has come in the meantime is seen before they fire.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "tests/core/sched/late_sessions.h"
#include "tests/core/sched/stepped.h"

namespace sluice::core::testing {
namespace {

class LateTimersTest : public RoundsTest {
 protected:
  void StartSessions() {
    for (size_t i = 0; i < sessions_.count(); ++i) Add(sessions_.Work(i, *worker_, clock_));
    RunUntilIdle();
  }
  void DeliverEvents(uint32_t each) { reactor_->script = sessions_.Events(jobs_, each); }

  Sessions sessions_{700};
};

TEST_F(LateTimersTest, EventsThatAreThereGoFirst) {
  StartSessions();
  DeliverEvents(20);
  clock_.Advance(3s);
  RunUntilIdle();
  EXPECT_TRUE(sessions_.all_delivered());
  EXPECT_EQ(sessions_.fired(), 0);
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
  EXPECT_EQ(sessions_.fired(), 0);
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
  EXPECT_TRUE(sessions_.all_delivered());
  EXPECT_EQ(sessions_.fired(), 0);
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

// The same where those that have their events wait in the mailbox, as local tasks do.
struct Mail final : Scheduler {
  explicit Mail(Worker& worker) : worker(worker) {}
  void Schedule(Runnable& task) override { worker.ScheduleHere(task); }
  Worker& worker;
};
TEST_F(LateTimersTest, SoHaveTheTasksOfTheMailbox) {
  JobTimer timer;
  Job& waiting = Add([&](Job& job) {
    timer.Disarm();
    if (job.runs == 1) worker_->wheel().Arm(timer, clock_.Now() + 1s, job);
  });
  Mail mail(*worker_);
  std::vector<Job*> local;
  for (int i = 0; i < 200; ++i) {
    local.push_back(&jobs_.emplace_back(mail, [&, last = i == 199](Job& job) {
      if (last && job.runs > 1) waiting.WakeUp();
    }));
    worker_->ScheduleHere(*local.back());
  }
  RunUntilIdle();
  reactor_->script = [&, first = true](uint32_t) mutable -> uint64_t {
    if (!std::exchange(first, false)) return 0;
    for (Job* job : local) job->WakeUp();
    return local.size();
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
  EXPECT_EQ(sessions_.fired(), 700);
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

// Never out of work, and its tasks compute: the hold is counted in turns, so there must be many.
TEST_F(LateTimersTest, LongTasksDelayThemByAFewTasks) {
  JobTimer timer;
  Job& owner = Add([&](Job& job) {
    if (job.runs == 2) worker_->wheel().Arm(timer, clock_.Now() + 100ms, job);
  });
  for (int i = 0; i < 20; ++i) Add([&](Job&) { clock_.Advance(10ms); });
  reactor_->script = [this](uint32_t) {
    uint64_t came = 0;
    for (size_t i = 1; i < jobs_.size(); ++i) came += jobs_[i].WakeUp() ? 1 : 0;
    return came;
  };
  Steps(200);
  owner.WakeUp();
  while (owner.runs < 2) worker_->Step();
  const Instant due = timer.deadline();
  while (timer.fired == 0 && clock_.Now() < due + 10s) worker_->Step();
  EXPECT_LE(clock_.Now() - due, 400ms);
  reactor_->script = nullptr;
  RunUntilIdle();
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
