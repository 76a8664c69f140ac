// Models of WaitList, by its smallest owner: run with the real code, and with a copy in which
// mistakes are planted (mistakes.py).
//
// Tasks wait for slots; the thread that posts to a sleeping task runs it, as a worker would.
#ifndef SLUICE_TESTS_MODEL_WAIT_LIST_MODEL_H_
#define SLUICE_TESTS_MODEL_WAIT_LIST_MODEL_H_

#include <array>
#include <utility>

#include "core/base/check.h"
#include "core/sync/cancellation.h"
#include "core/task/select.h"
#include "tests/core/support/slots.h"
#include "tests/model/expect.h"
#include "tests/model/tasks.h"

namespace sluice::model {

struct SlotState : Tasks {
  explicit SlotState(uint32_t free) : slots(free) {}

  void Give() {
    slots.Give();
    RunWoken();
  }

  core::testing::Slots slots;  // that no entry is left in its list is checked when it goes
  core::CancellationSource time_is_up;
  std::array<core::Runnable*, 2> waiting{};
  int served = 0;
  int gave_up = 0;
  int last = -1;  // which was served last
};

inline core::Task<bool> TakeSlot(SlotState& s, int name) { co_return co_await s.slots.Take(name); }

inline core::Task<void> UntilTimeIsUp(SlotState& s) {
  (void)co_await s.time_is_up.token().Cancelled();
}

inline void NoteServed(SlotState& s, int name) {
  ++s.served;
  s.last = name;
}

// Gives its slot back.
inline core::Task<void> TakeAndGive(SlotState& s, int name) {
  SLUICE_CHECK(co_await s.slots.Take(name));
  NoteServed(s, name);
  s.Give();
}

// A slot that comes while its waiter gives up is taken all the same.
inline core::Task<void> TakeInTime(SlotState& s, int name) {
  auto outcome = co_await core::Select(TakeSlot(s, name), UntilTimeIsUp(s));
  if (outcome.Get<0>()) {
    NoteServed(s, name);
    s.Give();
  } else {
    ++s.gave_up;
  }
}

inline void AddTask(SlotState& s, int index, core::Task<void> task) {
  core::Joinable<void>& root = s.Make(std::move(task));
  root.Unref();
  s.waiting[index] = &root;
}

// Two come and wait while as many slots are given as `gives`.
inline Model TwoTake(int gives) {
  return [gives](Execution& run) {
    auto& s = run.Make<SlotState>(0);
    for (int i = 0; i < 2; ++i) {
      AddTask(s, i, TakeAndGive(s, i));
      run.Thread(i == 0 ? "waiter one" : "waiter two", [&s, i] { Tasks::Run(*s.waiting[i]); });
    }
    for (int i = 0; i < gives; ++i) {
      run.Thread(i == 0 ? "giver one" : "giver two", [&s] { s.Give(); });
    }
    run.Finally([&s, gives] {
      s.RunWoken();
      SLUICE_CHECK(s.served == 2);
      for (int i = 0; i < gives; ++i) SLUICE_CHECK(s.slots.TryTake());
      SLUICE_CHECK(!s.slots.TryTake());
    });
  };
}

// One waits already; a slot is given while its time runs out, and a second one comes.
inline void GivesUp(Execution& run) {
  auto& s = run.Make<SlotState>(0);
  AddTask(s, 0, TakeInTime(s, 0));
  AddTask(s, 1, TakeAndGive(s, 1));
  Tasks::Run(*s.waiting[0]);
  run.Thread("time", [&s] {
    s.time_is_up.Cancel();
    s.RunWoken();
  });
  run.Thread("giver", [&s] { s.Give(); });
  run.Thread("waiter two", [&s] { Tasks::Run(*s.waiting[1]); });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.served + s.gave_up == 2);
    SLUICE_CHECK(s.slots.TryTake() && !s.slots.TryTake());  // none is lost, none is made
  });
}

// Two wait, in order; a thread that comes later finds no free slot as long as they do.
inline void NoneOvertakes(Execution& run) {
  auto& s = run.Make<SlotState>(0);
  for (int i = 0; i < 2; ++i) {
    AddTask(s, i, TakeAndGive(s, i));
    Tasks::Run(*s.waiting[i]);
  }
  run.Thread("giver", [&s] { s.Give(); });
  run.Thread("late", [&s] {
    if (!s.slots.TryTake()) return;
    SLUICE_CHECK(s.served == 2);
    s.Give();
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.served == 2 && s.last == 1);
  });
}

// Two wait; all are woken at once while the first gives up.
inline void AllAtOnce(Execution& run) {
  auto& s = run.Make<SlotState>(0);
  for (int i = 0; i < 2; ++i) {
    AddTask(s, i, TakeInTime(s, i));
    Tasks::Run(*s.waiting[i]);
  }
  run.Thread("giver", [&s] {
    s.slots.GiveAll();
    s.RunWoken();
  });
  run.Thread("time", [&s] {
    s.time_is_up.Cancel();
    s.RunWoken();
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.served + s.gave_up == 2);
    for (int i = 0; i < s.served; ++i) SLUICE_CHECK(s.slots.TryTake());
    SLUICE_CHECK(!s.slots.TryTake());
  });
}

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_WAIT_LIST_MODEL_H_
