// Timers that are late (worker.h): what has come in the meantime is seen before they fire, by the
// worker whose timers they are and by the others.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "tests/core/sched/stepped.h"

namespace sluice::core::testing {
namespace {

// Sessions whose timer is due in 2 s. Their event stops it.
class Sessions {
 public:
  explicit Sessions(size_t count) : timers_(count) {}

  // What the job of session `index` does; its timer is in the wheel of `worker`.
  std::function<void(Job&)> Work(size_t index, Worker& worker, const Clock& clock) {
    return [&timer = timers_[index], &worker, &clock](Job& job) {
      timer.Disarm();
      if (job.runs == 1) worker.wheel().Arm(timer, clock.Now() + 2s, job);
    };
  }
  // What came during a pause is told in several turns, at most `each` in one. `jobs` begins with
  // theirs.
  std::function<uint64_t(uint32_t)> Events(std::deque<Job>& jobs, uint32_t each) {
    return [this, &jobs, each](uint32_t limit) {
      uint64_t came = 0;
      for (; came < std::min(each, limit) && delivered_ < count(); ++came) {
        jobs[delivered_++].WakeUp();
      }
      return came;
    };
  }
  size_t count() const { return timers_.size(); }
  bool all_delivered() const { return delivered_ == count(); }
  int fired() const {
    int count = 0;
    for (const JobTimer& timer : timers_) count += timer.fired;
    return count;
  }

 private:
  std::deque<JobTimer> timers_;
  size_t delivered_ = 0;
};

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

// Two workers. The timers are in the wheel of the first; what stops them comes to the second.
class TwoLateWorkersTest : public ::testing::Test {
 protected:
  TwoLateWorkersTest() {
    for (ScriptedReactor*& reactor : reactors_) {
      SLUICE_CHECK(shared_.AddWorker(clock_, {.buffers = 1})
                       .Start([&](BufferPool&) -> absl::StatusOr<std::unique_ptr<Reactor>> {
                         auto made = std::make_unique<ScriptedReactor>();
                         reactor = made.get();
                         return made;
                       })
                       .ok());
    }
  }
  ~TwoLateWorkersTest() override { Worker::LeaveCurrent(); }

  bool Step(int index) {
    Worker& worker = *shared_.workers()[index];
    worker.Enter();
    return worker.Step();
  }
  void RunUntilIdle(int index) {
    while (Step(index)) {
    }
  }
  // By turns, until neither has anything to do or to wait for.
  void RunBoth() {
    for (int idle = 0; idle < 4;) {
      bool ran = Step(0);
      ran = Step(1) || ran;
      const bool holds = holds_timers(0) || holds_timers(1);
      idle = ran || holds ? 0 : idle + 1;
    }
  }
  bool holds_timers(int index) const { return shared_.workers()[index]->holds_timers(); }

  // Both workers have begun.
  void StartSessions() {
    Worker& first = *shared_.workers()[0];
    for (size_t i = 0; i < sessions_.count(); ++i) {
      first.ScheduleLast(jobs_.emplace_back(shared_, sessions_.Work(i, first, clock_)));
    }
    RunUntilIdle(0);
    RunUntilIdle(1);
    RunUntilIdle(0);
  }
  void DeliverEventsToTheSecond(uint32_t each) {
    reactors_[1]->script = sessions_.Events(jobs_, each);
  }
  // How long it takes the first worker, alone, to fire what is due; its turns take 1 ms each.
  Duration TimeToFire(JobTimer& timer) {
    const Instant resumed = clock_.Now();
    while (timer.fired == 0 && clock_.Now() < resumed + 10s) {
      Step(0);
      clock_.Advance(1ms);
    }
    timer.fired = 0;
    return clock_.Now() - resumed;
  }
  // It is due in 1 s, with nothing that would stop it.
  Job& AddTimer(JobTimer& timer) {
    Worker& first = *shared_.workers()[0];
    Job& job = jobs_.emplace_back(shared_, [this, &timer, &first](Job& self) {
      first.wheel().Arm(timer, clock_.Now() + 1s, self);
    });
    first.ScheduleLast(job);
    return job;
  }

  VirtualClock clock_;
  Shared shared_{2};
  ScriptedReactor* reactors_[2] = {};
  std::deque<Job> jobs_;
  Sessions sessions_{300};
};

// The first worker has caught up before the second one has run at all.
TEST_F(TwoLateWorkersTest, WhatTheOtherHasToTellGoesFirst) {
  StartSessions();
  DeliverEventsToTheSecond(20);
  clock_.Advance(3s);
  for (int i = 0; i < 50; ++i) Step(0);
  EXPECT_EQ(sessions_.fired(), 0);
  RunBoth();
  EXPECT_TRUE(sessions_.all_delivered());
  EXPECT_EQ(sessions_.fired(), 0);
}

// What it was looking for when the pause came is not what came during the pause.
TEST_F(TwoLateWorkersTest, ALookOfTheOtherThatThePauseInterruptsDoesNotCount) {
  StartSessions();
  DeliverEventsToTheSecond(20);
  reactors_[1]->script = [this, script = reactors_[1]->script,
                          first = true](uint32_t limit) mutable -> uint64_t {
    if (!std::exchange(first, false)) return script(limit);
    clock_.Advance(3s);  // nothing was there; then comes the pause
    return 0;
  };
  Step(1);
  for (int i = 0; i < 50; ++i) Step(0);
  RunBoth();
  EXPECT_TRUE(sessions_.all_delivered());
  EXPECT_EQ(sessions_.fired(), 0);
}

// It may be asleep: then it would never say that it has settled.
TEST_F(TwoLateWorkersTest, TheOtherIsWoken) {
  JobTimer on_time;
  AddTimer(on_time);
  RunBoth();
  const int before = reactors_[1]->wakes;
  for (int i = 0; on_time.fired == 0 && i < 2'000; ++i) {
    clock_.Advance(1ms);
    Step(0);
  }
  EXPECT_EQ(on_time.fired, 1);
  EXPECT_EQ(reactors_[1]->wakes, before) << "for a timer that is on time";
  JobTimer late;
  AddTimer(late);
  RunBoth();
  clock_.Advance(2s);
  RunBoth();
  EXPECT_EQ(late.fired, 1);
  EXPECT_EQ(reactors_[1]->wakes, before + 1);
}

// Both are late, with timers that are due: no time need pass.
TEST_F(TwoLateWorkersTest, NeitherWaitsForTheOthersHold) {
  JobTimer timers[2];
  for (int i = 0; i < 2; ++i) {
    Worker& worker = *shared_.workers()[i];
    Job& job = jobs_.emplace_back(shared_, [this, &worker, &timer = timers[i]](Job& self) {
      if (self.runs == 1) worker.wheel().Arm(timer, clock_.Now() + 1s, self);
    });
    worker.ScheduleLast(job);
    RunUntilIdle(i);
  }
  RunBoth();
  clock_.Advance(2s);
  for (int i = 0; i < 10; ++i) {
    Step(0);
    Step(1);
  }
  EXPECT_EQ(timers[0].fired, 1);
  EXPECT_EQ(timers[1].fired, 1);
}

// A task computes on the other, or its thread gets no CPU time.
TEST_F(TwoLateWorkersTest, OneThatDoesNotRunDelaysThemOnce) {
  JobTimer timer;
  Job& job = AddTimer(timer);
  RunBoth();
  clock_.Advance(2s);
  const Duration first = TimeToFire(timer);
  EXPECT_GE(first, 500ms);
  EXPECT_LE(first, 530ms);
  EXPECT_EQ(job.runs, 1);
  RunUntilIdle(0);
  AddTimer(timer);
  RunUntilIdle(0);
  clock_.Advance(2s);
  EXPECT_LE(TimeToFire(timer), 5ms);
  // It runs again, and is waited for again.
  RunBoth();
  AddTimer(timer);
  RunBoth();
  clock_.Advance(2s);
  EXPECT_GE(TimeToFire(timer), 500ms);
}

TEST_F(TwoLateWorkersTest, OneThatHasNotBegunDelaysNothing) {
  JobTimer timer;
  AddTimer(timer);
  RunUntilIdle(0);
  clock_.Advance(2s);
  EXPECT_LE(TimeToFire(timer), 5ms);
}

}  // namespace
}  // namespace sluice::core::testing
