// Models of Semaphore: run with the real code, and with a copy in which mistakes are planted
// (mistakes.py).
//
// Tasks wait for permits; the thread that posts to a sleeping task runs it, as a worker would.
#ifndef SLUICE_TESTS_MODEL_SEMAPHORE_MODEL_H_
#define SLUICE_TESTS_MODEL_SEMAPHORE_MODEL_H_

#include <array>
#include <cerrno>
#include <utility>

#include "core/base/check.h"
#include "core/sync/cancellation.h"
#include "core/sync/semaphore.h"
#include "core/task/select.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"
#include "tests/model/tasks.h"

namespace sluice::model {

struct PermitState : Tasks {
  explicit PermitState(size_t permits) : semaphore(permits) {}

  void Add(int index, core::Task<void> task) {
    core::Joinable<void>& root = Make(std::move(task));
    root.Unref();
    tasks[index] = &root;
  }
  void Start(int index) { Run(*tasks[index]); }
  void Release(size_t count) {
    semaphore.Release(count);
    RunWoken();
  }

  core::Semaphore semaphore;  // that none is left in its list is checked when it goes
  core::CancellationSource time_is_up;
  Cell<int> data{"what the permits guard"};
  std::array<core::Runnable*, 2> tasks{};
  int served = 0;
  int gave_up = 0;
  int closed = 0;
  int last = -1;  // which was served last
};

inline void NoteServed(PermitState& s, int name) {
  ++s.served;
  s.last = name;
}

// Writes what the only permit guards.
inline core::Task<void> Write(PermitState& s, int name) {
  auto permit = co_await s.semaphore.Acquire();
  SLUICE_CHECK(permit.ok());
  s.data.Set(name);
  NoteServed(s, name);
  permit->Release();
  s.RunWoken();
}

// Two tasks and a thread that does not wait want the one permit.
inline void OneAtATime(Execution& run) {
  auto& s = run.Make<PermitState>(1);
  for (int i = 0; i < 2; ++i) {
    s.Add(i, Write(s, i));
    run.Thread(i == 0 ? "task one" : "task two", [&s, i] { s.Start(i); });
  }
  run.Thread("tries", [&s] {
    auto permit = s.semaphore.TryAcquire();
    if (!permit.has_value()) return;
    s.data.Set(3);
    permit->Release();
    s.RunWoken();
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.served == 2);
    SLUICE_CHECK(s.semaphore.available() == 1 && s.semaphore.TryAcquire().has_value());
  });
}

inline core::Task<void> TakeAndKeep(PermitState& s, int name, size_t count) {
  auto permit = co_await s.semaphore.Acquire(count);
  SLUICE_CHECK(permit.ok() && permit->Forget() == count);
  NoteServed(s, name);
  (void)s.data.Get();
}

// One wants two, which come one by one; what was done before either of them is seen.
inline void TwoForOne(Execution& run) {
  struct State : PermitState {
    State() : PermitState(0) {}
    Cell<int> other{"what the other one did"};
  };
  auto& s = run.Make<State>();
  s.Add(0, [](State& state) -> core::Task<void> {
    co_await TakeAndKeep(state, 0, 2);
    (void)state.other.Get();
  }(s));
  run.Thread("waiter", [&s] { s.Start(0); });
  run.Thread("first", [&s] {
    s.data.Set(1);
    s.Release(1);
  });
  run.Thread("second", [&s] {
    s.other.Set(1);
    s.Release(1);
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.served == 1 && s.semaphore.available() == 0);
  });
}

// What it gets while its time runs out is given back.
inline core::Task<void> TakeInTime(PermitState& s, size_t count) {
  auto outcome =
      co_await core::Select(s.semaphore.Acquire(count), s.time_is_up.token().Cancelled());
  auto& permit = outcome.template Get<0>();
  SLUICE_CHECK(permit.ok() || permit.error() == ECANCELED);
  ++(permit.ok() ? s.served : s.gave_up);
}

// A large request waits, and a small one behind it, or a thread that tries. Permits come, one by
// one or not enough of them, while the large request gives up.
inline Model GivesUp(size_t wanted, bool second_waits) {
  return [=](Execution& run) {
    auto& s = run.Make<PermitState>(0);
    s.Add(0, TakeInTime(s, wanted));
    s.Start(0);
    if (second_waits) {
      s.Add(1, TakeAndKeep(s, 1, 1));
      run.Thread("small", [&s] { s.Start(1); });
    } else {
      run.Thread("tries", [&s] {
        auto permit = s.semaphore.TryAcquire();
        if (!permit.has_value()) return;
        (void)s.data.Get();
        permit->Release();
        s.RunWoken();
      });
    }
    run.Thread("time", [&s] {
      s.time_is_up.Cancel();
      s.RunWoken();
    });
    run.Thread("giver", [&s] {
      s.data.Set(1);
      s.Release(1);
    });
    run.Finally([&s, second_waits] {
      s.RunWoken();
      SLUICE_CHECK(s.served + s.gave_up == (second_waits ? 2 : 1));
      SLUICE_CHECK(!second_waits || s.last == 1);
      SLUICE_CHECK(s.semaphore.waiting() == 0);
      SLUICE_CHECK(s.semaphore.available() == (second_waits ? 0 : 1));
      SLUICE_CHECK(second_waits || s.semaphore.TryAcquire().has_value());
    });
  };
}

// One waits for more than comes, and gives up.
inline void GivesUpWhileTwoCome(Execution& run) {
  auto& s = run.Make<PermitState>(0);
  s.Add(0, TakeInTime(s, 3));
  s.Start(0);
  run.Thread("time", [&s] {
    s.time_is_up.Cancel();
    s.RunWoken();
  });
  for (const char* name : {"first", "second"}) {
    run.Thread(name, [&s] { s.Release(1); });
  }
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.gave_up == 1);
    SLUICE_CHECK(s.semaphore.available() == 2 && s.semaphore.TryAcquire(2).has_value());
  });
}

// A large request and behind it a small one wait; permits come one by one, and a thread tries.
inline void NoneOvertakes(Execution& run) {
  auto& s = run.Make<PermitState>(0);
  for (int i = 0; i < 2; ++i) {
    s.Add(i, [](PermitState& state, int name) -> core::Task<void> {
      auto permit = co_await state.semaphore.Acquire(name == 0 ? 2 : 1);
      SLUICE_CHECK(permit.ok() && state.last == name - 1);
      NoteServed(state, name);
      permit->Release();
      state.RunWoken();
    }(s, i));
    s.Start(i);
  }
  for (const char* name : {"first", "second"}) {
    run.Thread(name, [&s] { s.Release(1); });
  }
  run.Thread("tries", [&s] {
    auto permit = s.semaphore.TryAcquire();
    SLUICE_CHECK(!permit.has_value() || s.served > 0);
    if (!permit.has_value()) return;
    permit->Release();
    s.RunWoken();
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.served == 2 && s.semaphore.available() == 2);
  });
}

// A wait, a permit and the end come at the same time.
inline void Closed(Execution& run) {
  auto& s = run.Make<PermitState>(0);
  s.Add(0, [](PermitState& state) -> core::Task<void> {
    auto permit = co_await state.semaphore.Acquire();
    SLUICE_CHECK(permit.ok() || permit.error() == EPIPE);
    ++(permit.ok() ? state.served : state.closed);
  }(s));
  run.Thread("waiter", [&s] { s.Start(0); });
  run.Thread("giver", [&s] { s.Release(1); });
  run.Thread("closes", [&s] {
    s.data.Set(1);
    s.semaphore.Close();
    s.RunWoken();
  });
  run.Thread("looks", [&s] {
    if (s.semaphore.closed()) (void)s.data.Get();
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.served + s.closed == 1);
    SLUICE_CHECK(s.semaphore.available() == 1 && !s.semaphore.TryAcquire().has_value());
  });
}

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_SEMAPHORE_MODEL_H_
