// Timers that are late (worker.h): what came to another worker is seen before they fire, too.
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "core/base/atomic.h"
#include "core/base/check.h"
#include "core/sched/worker.h"
#include "tests/core/sched/late_sessions.h"
#include "tests/core/sched/stepped.h"
#include "tests/core/support/virtual_time.h"

namespace sluice::core::testing {
namespace {

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

  // As far as it goes while the second one does not run.
  void LetFirstCatchUp() {
    for (int i = 0; i < 50; ++i) Step(0);
  }
  void ExpectAllDeliveredAndNoneFired() {
    RunBoth();
    EXPECT_TRUE(sessions_.all_delivered());
    EXPECT_EQ(sessions_.fired(), 0);
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
  LetFirstCatchUp();
  EXPECT_EQ(sessions_.fired(), 0);
  ExpectAllDeliveredAndNoneFired();
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
  LetFirstCatchUp();
  ExpectAllDeliveredAndNoneFired();
}

// As between two BlockOn: it goes on later, and what came meanwhile it has not seen.
TEST_F(TwoLateWorkersTest, OneThatHasLeftItsLoopForAWhileIsWaitedFor) {
  StartSessions();
  const Atomic<bool> done{true};
  shared_.workers()[1]->RunUntil(done);
  DeliverEventsToTheSecond(20);
  clock_.Advance(3s);
  const int wakes = reactors_[1]->wakes;
  LetFirstCatchUp();
  EXPECT_EQ(sessions_.fired(), 0);
  EXPECT_GT(reactors_[1]->wakes, wakes);
  // It goes on, and leaves again: what its last turn has brought it has not run.
  for (int again = 0; again < 2; ++again) {
    shared_.workers()[1]->RunUntil(done);
    LetFirstCatchUp();
  }
  EXPECT_EQ(sessions_.fired(), 0);
  ExpectAllDeliveredAndNoneFired();
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
