// Models of TimerWheel: run with the real code, and with a copy in which mistakes are planted
// (mistakes.py).
//
// A timer is disarmed by its task, which has gone to another worker, while the owner of the wheel
// finds that it is due.
#ifndef SLUICE_TESTS_MODEL_TIMER_MODEL_H_
#define SLUICE_TESTS_MODEL_TIMER_MODEL_H_

#include <array>
#include <coroutine>
#include <utility>

#include "core/base/check.h"
#include "core/sched/timer_wheel.h"
#include "tests/model/expect.h"
#include "tests/model/tasks.h"

namespace sluice::model {

struct ModelTimer final : core::Timer {
  void OnReady() override {
    Fired();
    ++fired;
    if (waiter) std::exchange(waiter, {}).resume();
  }
  int fired = 0;
  std::coroutine_handle<> waiter;
};

// Until the timer is neither armed nor on its way.
struct TimerQuiet {
  ModelTimer& timer;
  bool await_ready() const { return !timer.armed(); }
  void await_suspend(std::coroutine_handle<> handle) { timer.waiter = handle; }
  void await_resume() const {}
};

struct TimerState : Tasks {
  static constexpr core::Instant kDue{std::chrono::milliseconds(2)};

  core::TimerWheel wheel{core::Instant()};
  // Of the workers that the tasks have gone to.
  std::array<core::TimerWheel, 2> others{core::TimerWheel(core::Instant()),
                                         core::TimerWheel(core::Instant())};
  std::array<ModelTimer, 2> timers;
  std::array<core::Runnable*, 2> tasks{};
  std::array<bool, 2> withdrawn{};
  int finished = 0;
};

// Disarms its timer, or cancels it, and arms it on another wheel.
inline core::Task<void> DisarmIt(TimerState& s, int which, bool cancel) {
  ModelTimer& timer = s.timers[which];
  const core::Context here = co_await core::CurrentContext();
  if (cancel) {
    timer.Cancel();
  } else {
    s.withdrawn[which] = timer.Disarm();
  }
  co_await TimerQuiet{timer};
  SLUICE_CHECK(timer.fired == (s.withdrawn[which] ? 0 : 1));
  s.others[which].Arm(timer, TimerState::kDue, *here.task);
  s.others[which].Advance(TimerState::kDue);
  co_await TimerQuiet{timer};
  SLUICE_CHECK(timer.fired == (s.withdrawn[which] ? 1 : 2));
  ++s.finished;
}

// `count` timers in the slot that is due.
inline Model Disarming(int count, bool cancel = false) {
  return [=](Execution& run) {
    auto& s = run.Make<TimerState>();
    for (int i = 0; i < count; ++i) {
      core::Joinable<void>& task = s.Make(DisarmIt(s, i, cancel));
      task.Unref();
      s.tasks[i] = &task;
      s.wheel.Arm(s.timers[i], TimerState::kDue, task);
      run.Thread(i == 0 ? "task one" : "task two", [&s, i] { Tasks::Run(*s.tasks[i]); });
    }
    run.Thread("owner", [&s] {
      s.wheel.Advance(TimerState::kDue);
      s.RunWoken();
    });
    run.Finally([&s, count] {
      s.RunWoken();
      SLUICE_CHECK(s.finished == count);
      SLUICE_CHECK(!s.wheel.NextDeadline().has_value());
    });
  };
}

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_TIMER_MODEL_H_
