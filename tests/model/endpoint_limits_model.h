// Models of EndpointLimits: run with the real code, and with copies in which a mistake is planted
// (mistakes.py).
//
// Tasks wait for places; whoever posts to a sleeping task runs it, as a worker would.
#ifndef SLUICE_TESTS_MODEL_ENDPOINT_LIMITS_MODEL_H_
#define SLUICE_TESTS_MODEL_ENDPOINT_LIMITS_MODEL_H_

#include <array>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/sync/cancellation.h"
#include "core/task/select.h"
#include "proxy/upstream/endpoint_limits.h"
#include "tests/model/expect.h"
#include "tests/model/tasks.h"

namespace sluice::model {

struct EndpointState : Tasks {
  explicit EndpointState(std::vector<uint32_t> max) : max(max), limits(std::move(max)) {}

  // Takes a place at once.
  proxy::EndpointSlot TryTake() {
    proxy::EndpointSlot slot = limits.TryAcquire(0, {});
    if (slot.valid()) Count(slot);
    return slot;
  }
  // Counted directly after a step, so it belongs to it.
  void Count(const proxy::EndpointSlot& slot) {
    SLUICE_CHECK(++held[slot.endpoint()] <= max[slot.endpoint()]);  // I1
  }
  void GiveBack(proxy::EndpointSlot slot) {
    --held[slot.endpoint()];
    slot = proxy::EndpointSlot();
    RunWoken();
  }

  const std::vector<uint32_t> max;
  std::array<uint32_t, 2> held{};
  proxy::EndpointLimits limits;  // I1, and that nobody is left waiting: checked when it goes
  core::CancellationSource time_is_up;
  std::array<proxy::EndpointSlot, 2> places;
  std::array<core::Runnable*, 2> waiting{};
  int served = 0;
  int gave_up = 0;
  int last = -1;  // who was served last
};

inline core::Task<proxy::EndpointSlot> Wait(EndpointState& s, std::span<const uint32_t> tried) {
  co_return co_await s.limits.WaitForRoom(0, tried);
}

inline core::Task<void> UntilTimeIsUp(EndpointState& s) {
  (void)co_await s.time_is_up.token().Cancelled();
}

inline void Served(EndpointState& s, proxy::EndpointSlot slot, int who) {
  s.Count(slot);
  ++s.served;
  s.last = who;
  s.GiveBack(std::move(slot));
}

inline core::Task<void> WaitAndServe(EndpointState& s, int who, std::vector<uint32_t> tried) {
  proxy::EndpointSlot slot = co_await Wait(s, tried);
  SLUICE_CHECK(slot.valid());
  Served(s, std::move(slot), who);
}

// A place that comes while its waiter gives up is taken all the same.
inline core::Task<void> WaitAWhile(EndpointState& s, int who) {
  auto outcome = co_await core::Select(Wait(s, {}), UntilTimeIsUp(s));
  proxy::EndpointSlot slot = std::move(outcome.Get<0>());
  if (slot.valid()) {
    Served(s, std::move(slot), who);
  } else {
    ++s.gave_up;
  }
}

inline void AddTask(EndpointState& s, int index, core::Task<void> task) {
  core::RootPromise<void>& root = s.Make(std::move(task));
  root.Unref();
  s.waiting[index] = &root;
}

// All places are taken; two come and wait while `max` places are given back.
inline Model TwoWait(uint32_t max) {
  return [max](Execution& run) {
    auto& s = run.Make<EndpointState>(std::vector{max});
    for (uint32_t i = 0; i < max; ++i) s.places[i] = s.TryTake();
    for (int i = 0; i < 2; ++i) {
      AddTask(s, i, WaitAndServe(s, i, {}));
      run.Thread(i == 0 ? "waiter one" : "waiter two", [&s, i] { Tasks::Run(*s.waiting[i]); });
    }
    for (uint32_t i = 0; i < max; ++i) {
      run.Thread(i == 0 ? "session one" : "session two",
                 [&s, i] { s.GiveBack(std::move(s.places[i])); });
    }
    run.Finally([&s] {
      s.RunWoken();
      SLUICE_CHECK(s.served == 2);
    });
  };
}

// One waits already; the place is given back while its time runs out, and a second one comes.
inline void GivesUp(Execution& run) {
  auto& s = run.Make<EndpointState>(std::vector<uint32_t>{1});
  s.places[0] = s.TryTake();
  AddTask(s, 0, WaitAWhile(s, 0));
  AddTask(s, 1, WaitAndServe(s, 1, {}));
  Tasks::Run(*s.waiting[0]);
  run.Thread("time", [&s] {
    s.time_is_up.Cancel();
    s.RunWoken();
  });
  run.Thread("session", [&s] { s.GiveBack(std::move(s.places[0])); });
  run.Thread("waiter two", [&s] { Tasks::Run(*s.waiting[1]); });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.served + s.gave_up == 2);
    const proxy::EndpointSlot left = s.TryTake();
    SLUICE_CHECK(left.valid());  // no place is lost
  });
}

// Two wait, in order; somebody who comes later finds nothing as long as they do (I2).
inline void NoneOvertakes(Execution& run) {
  auto& s = run.Make<EndpointState>(std::vector<uint32_t>{1});
  s.places[0] = s.TryTake();
  for (int i = 0; i < 2; ++i) {
    AddTask(s, i, WaitAndServe(s, i, {}));
    Tasks::Run(*s.waiting[i]);
  }
  run.Thread("session", [&s] { s.GiveBack(std::move(s.places[0])); });
  run.Thread("late", [&s] {
    proxy::EndpointSlot slot = s.TryTake();
    if (!slot.valid()) return;
    SLUICE_CHECK(s.served == 2);
    s.GiveBack(std::move(slot));
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.served == 2 && s.last == 1);
  });
}

// Two endpoints: the first in the queue has tried the one that gets room, the second has not.
inline void PassesOver(Execution& run) {
  auto& s = run.Make<EndpointState>(std::vector<uint32_t>{1, 1});
  s.places = {s.TryTake(), s.TryTake()};
  AddTask(s, 0, WaitAndServe(s, 0, {0}));
  AddTask(s, 1, WaitAndServe(s, 1, {1}));
  for (core::Runnable* task : s.waiting) Tasks::Run(*task);
  for (int i = 0; i < 2; ++i) {
    run.Thread(i == 0 ? "session one" : "session two",
               [&s, i] { s.GiveBack(std::move(s.places[i])); });
  }
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.served == 2);
  });
}

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_ENDPOINT_LIMITS_MODEL_H_
