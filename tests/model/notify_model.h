// Models of Notify: run with the real code, and with a copy in which mistakes are planted
// (mistakes.py).
//
// The thread that posts to a sleeping task runs it, as a worker would.
#ifndef SLUICE_TESTS_MODEL_NOTIFY_MODEL_H_
#define SLUICE_TESTS_MODEL_NOTIFY_MODEL_H_

#include <array>
#include <cerrno>
#include <utility>

#include "core/base/atomic.h"
#include "core/base/check.h"
#include "core/sync/cancellation.h"
#include "core/sync/notify.h"
#include "core/task/select.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"
#include "tests/model/tasks.h"

namespace sluice::model {

struct NotifyState : Tasks {
  void Add(int index, core::Task<void> task) {
    core::Joinable<void>& root = Make(std::move(task));
    root.Unref();
    tasks[index] = &root;
  }
  void Start(int index) { Run(*tasks[index]); }
  void One() {
    notify.One();
    RunWoken();
  }

  core::Notify notify;  // that none is left in its list is checked when it goes
  core::CancellationSource time_is_up;
  core::Atomic<int> jobs{0};
  Cell<int> data{"what was done before"};
  std::array<core::Runnable*, 2> tasks{};
  std::array<bool, 2> woken{};
  int done = 0;
};

inline core::Task<void> WaitAndRead(NotifyState& s, int name) {
  SLUICE_CHECK((co_await s.notify.Wait()).ok());
  (void)s.data.Get();
  s.woken[name] = true;
}

// One comes before the wait, while it begins, or behind it.
inline void WokenOnce(Execution& run) {
  auto& s = run.Make<NotifyState>();
  s.Add(0, WaitAndRead(s, 0));
  run.Thread("waiter", [&s] { s.Start(0); });
  run.Thread("caller", [&s] {
    s.data.Set(1);
    s.One();
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.woken[0]);
  });
}

// Of a One and an All that come at once while no task waits the One is kept.
inline void KeptBesideAll(Execution& run) {
  auto& s = run.Make<NotifyState>();
  run.Thread("all", [&s] { s.notify.All(); });
  run.Thread("one", [&s] {
    s.data.Set(1);
    s.One();
  });
  run.Finally([&s] {
    s.Add(0, WaitAndRead(s, 0));
    s.Start(0);
    SLUICE_CHECK(s.woken[0]);
  });
}

// Two jobs, and a One for each, which may become one; a consumer looks and waits.
inline void NoJobIsLeft(Execution& run) {
  auto& s = run.Make<NotifyState>();
  s.Add(0, [](NotifyState& state) -> core::Task<void> {
    for (;;) {
      while (state.jobs.load(std::memory_order_acquire) > state.done) ++state.done;
      if (state.done == 2) co_return;
      SLUICE_CHECK((co_await state.notify.Wait()).ok());
    }
  }(s));
  run.Thread("consumer", [&s] { s.Start(0); });
  for (const char* name : {"producer one", "producer two"}) {
    run.Thread(name, [&s] {
      s.jobs.fetch_add(1, std::memory_order_relaxed);
      s.One();
    });
  }
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.done == 2);
  });
}

// One wakes the first, which gives up, or the second, which comes meanwhile.
inline void PassesOn(Execution& run) {
  auto& s = run.Make<NotifyState>();
  s.Add(0, [](NotifyState& state) -> core::Task<void> {
    auto outcome = co_await core::Select(state.notify.Wait(), state.time_is_up.token().Cancelled());
    state.woken[0] = outcome.template Get<0>().ok();
  }(s));
  s.Start(0);
  s.Add(1, WaitAndRead(s, 1));
  run.Thread("time", [&s] {
    s.time_is_up.Cancel();
    s.RunWoken();
  });
  run.Thread("second", [&s] { s.Start(1); });
  run.Thread("caller", [&s] {
    s.data.Set(1);
    s.One();
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.woken[0] != s.woken[1]);
    SLUICE_CHECK(s.notify.waiting() == (s.woken[1] ? 0 : 1));
    if (!s.woken[1]) s.One();
  });
}

// A wait that is made before looking misses no All that comes behind it.
inline void AllIsNotMissed(Execution& run) {
  auto& s = run.Make<NotifyState>();
  for (int i = 0; i < 2; ++i) {
    s.Add(i, [](NotifyState& state, int name) -> core::Task<void> {
      for (;;) {
        auto change = state.notify.Wait();
        if (state.jobs.load(std::memory_order_relaxed) != 0) break;
        SLUICE_CHECK((co_await change).ok());
        (void)state.data.Get();
      }
      state.woken[name] = true;
    }(s, i));
    run.Thread(i == 0 ? "waiter one" : "waiter two", [&s, i] { s.Start(i); });
  }
  run.Thread("caller", [&s] {
    s.data.Set(1);
    s.jobs.store(1, std::memory_order_relaxed);
    s.notify.All();
    s.RunWoken();
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.woken[0] && s.woken[1]);
  });
}

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_NOTIFY_MODEL_H_
