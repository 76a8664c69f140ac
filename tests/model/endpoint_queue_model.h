// Models of EndpointQueue: run with the real code, and with copies in which a mistake is planted
// (mistakes.py).
//
// Tasks wait for slots; the thread that posts to a sleeping task runs it, as a worker would.
#ifndef SLUICE_TESTS_MODEL_ENDPOINT_QUEUE_MODEL_H_
#define SLUICE_TESTS_MODEL_ENDPOINT_QUEUE_MODEL_H_

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/sync/cancellation.h"
#include "core/task/select.h"
#include "proxy/upstream/endpoint_queue.h"
#include "tests/model/expect.h"
#include "tests/model/tasks.h"

namespace sluice::model {

// The first usable endpoint that has not been tried: the model is one of the queue.
class FirstUsable final : public proxy::Balancer {
 public:
  proxy::Endpoint* Pick(const proxy::EndpointSet& set, const proxy::PickRequest&,
                        std::span<proxy::Endpoint* const> tried) override {
    for (const proxy::EndpointMember& member : set.members()) {
      if (MayTry(member.endpoint, tried)) return member.endpoint;
    }
    return nullptr;
  }
};

struct EndpointState : Tasks {
  // The limits of the endpoints of the first set: one or two.
  explicit EndpointState(std::vector<uint32_t> max) : max(max), queue(1, SetOf(std::move(max))) {}

  // Of the first endpoints; none has the limit 0.
  std::shared_ptr<const proxy::EndpointSet> SetOf(const std::vector<uint32_t>& limits) {
    std::vector<proxy::EndpointMember> members;
    for (size_t i = 0; i < limits.size(); ++i) {
      if (limits[i] != 0) {
        members.push_back({.endpoint = &endpoints[i], .max_connections = limits[i]});
      }
    }
    return MakeSet(std::move(members));
  }
  // Of both endpoints, without limits.
  std::shared_ptr<const proxy::EndpointSet> Unlimited(proxy::AdminState first) {
    std::vector<proxy::EndpointMember> members{{.endpoint = &endpoints[0], .state = first},
                                               {.endpoint = &endpoints[1]}};
    return MakeSet(std::move(members));
  }
  std::shared_ptr<const proxy::EndpointSet> MakeSet(std::vector<proxy::EndpointMember> members) {
    const std::shared_ptr<proxy::Balancer> shared(std::shared_ptr<void>(), &policy);
    return std::make_shared<const proxy::EndpointSet>(proxy::SetPolicy{.balancer = shared},
                                                      std::move(members), nullptr, false);
  }
  size_t IndexOf(const proxy::EndpointSlot& slot) {
    return static_cast<size_t>(&slot.endpoint() - endpoints.data());
  }

  // Takes a slot at once.
  proxy::EndpointSlot TryTake() {
    proxy::EndpointSlot slot = queue.TryAcquire(0, {}, {});
    if (slot.valid()) Count(slot);
    return slot;
  }
  // Counted directly after a step, so it belongs to it.
  void Count(const proxy::EndpointSlot& slot) {
    const size_t index = IndexOf(slot);
    SLUICE_CHECK(++held[index] <= max[index]);  // I1
  }
  void GiveBack(proxy::EndpointSlot slot) {
    --held[IndexOf(slot)];
    slot = proxy::EndpointSlot();
    RunWoken();
  }

  std::vector<uint32_t> max;
  std::array<uint32_t, 2> held{};
  std::array<proxy::Endpoint, 2> endpoints{proxy::Endpoint(core::Address(), "0"),
                                           proxy::Endpoint(core::Address(), "1")};
  FirstUsable policy;
  proxy::EndpointQueue queue;  // I1, and that none is left waiting: checked when it goes
  core::CancellationSource time_is_up;
  core::CancellationSource never;
  std::array<proxy::EndpointSlot, 2> slots;
  std::array<core::Runnable*, 2> waiting{};
  int served = 0;
  int gave_up = 0;
  bool drained = false;
  int last = -1;  // the one that was served last
};

inline core::Task<proxy::EndpointSlot> Wait(EndpointState& s,
                                            std::span<proxy::Endpoint* const> tried) {
  co_return co_await s.queue.WaitForSlot({}, tried);
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

inline core::Task<void> WaitAndServe(EndpointState& s, int who,
                                     std::vector<proxy::Endpoint*> tried) {
  proxy::EndpointSlot slot = co_await Wait(s, tried);
  SLUICE_CHECK(slot.valid());
  Served(s, std::move(slot), who);
}

// A slot that comes while its waiter gives up is taken all the same.
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
  core::Joinable<void>& root = s.Make(std::move(task));
  root.Unref();
  s.waiting[index] = &root;
}

// All slots are taken; two come and wait while `max` slots are released.
inline Model TwoWait(uint32_t max) {
  return [max](Execution& run) {
    auto& s = run.Make<EndpointState>(std::vector{max});
    for (uint32_t i = 0; i < max; ++i) s.slots[i] = s.TryTake();
    for (int i = 0; i < 2; ++i) {
      AddTask(s, i, WaitAndServe(s, i, {}));
      run.Thread(i == 0 ? "waiter one" : "waiter two", [&s, i] { Tasks::Run(*s.waiting[i]); });
    }
    for (uint32_t i = 0; i < max; ++i) {
      run.Thread(i == 0 ? "session one" : "session two",
                 [&s, i] { s.GiveBack(std::move(s.slots[i])); });
    }
    run.Finally([&s] {
      s.RunWoken();
      SLUICE_CHECK(s.served == 2);
    });
  };
}

// One waits already; the slot is released while its time runs out, and a second one comes.
inline void GivesUp(Execution& run) {
  auto& s = run.Make<EndpointState>(std::vector<uint32_t>{1});
  s.slots[0] = s.TryTake();
  AddTask(s, 0, WaitAWhile(s, 0));
  AddTask(s, 1, WaitAndServe(s, 1, {}));
  Tasks::Run(*s.waiting[0]);
  run.Thread("time", [&s] {
    s.time_is_up.Cancel();
    s.RunWoken();
  });
  run.Thread("session", [&s] { s.GiveBack(std::move(s.slots[0])); });
  run.Thread("waiter two", [&s] { Tasks::Run(*s.waiting[1]); });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.served + s.gave_up == 2);
    const proxy::EndpointSlot left = s.TryTake();
    SLUICE_CHECK(left.valid());  // no slot is lost
  });
}

// Two wait, in order; a session that comes later finds nothing as long as they do (I2).
inline void NoneOvertakes(Execution& run) {
  auto& s = run.Make<EndpointState>(std::vector<uint32_t>{1});
  s.slots[0] = s.TryTake();
  for (int i = 0; i < 2; ++i) {
    AddTask(s, i, WaitAndServe(s, i, {}));
    Tasks::Run(*s.waiting[i]);
  }
  run.Thread("session", [&s] { s.GiveBack(std::move(s.slots[0])); });
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

// Two endpoints: the first in the queue has tried the one that is free first, the second has not.
inline void PassesOver(Execution& run) {
  auto& s = run.Make<EndpointState>(std::vector<uint32_t>{1, 1});
  s.slots = {s.TryTake(), s.TryTake()};
  AddTask(s, 0, WaitAndServe(s, 0, {&s.endpoints[0]}));
  AddTask(s, 1, WaitAndServe(s, 1, {&s.endpoints[1]}));
  for (core::Runnable* task : s.waiting) Tasks::Run(*task);
  for (int i = 0; i < 2; ++i) {
    run.Thread(i == 0 ? "session one" : "session two",
               [&s, i] { s.GiveBack(std::move(s.slots[i])); });
  }
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.served == 2);
  });
}

// Without limits nothing is counted and no lock is taken. One session takes an endpoint while that
// is taken out: if there was no session then, none has it (endpoint.h, I1).
inline void OneIsTakenOut(Execution& run) {
  auto& s = run.Make<EndpointState>(std::vector<uint32_t>{1});
  s.queue.Publish(s.Unlimited(proxy::AdminState::kReady));
  run.Thread("session", [&s] { s.slots[0] = s.queue.TryAcquire(0, {}, {}); });
  run.Thread("administrator", [&s] {
    s.queue.Publish(s.Unlimited(proxy::AdminState::kDrain));
    s.drained = s.endpoints[0].sessions() == 0;
  });
  run.Finally([&s] {
    SLUICE_CHECK(s.slots[0].valid());  // the other one is there all the time
    SLUICE_CHECK(!s.drained || s.IndexOf(s.slots[0]) != 0);
    s.slots[0] = proxy::EndpointSlot();
    SLUICE_CHECK(s.endpoints[0].sessions() == 0 && s.endpoints[1].sessions() == 0);
  });
}

// For a moment in which others run.
inline void Hold(EndpointState& s, proxy::EndpointSlot slot) {
  s.Count(slot);
  (void)s.endpoints[0].sessions();
  s.GiveBack(std::move(slot));
}

inline core::Task<void> WaitAndHold(EndpointState& s) {
  proxy::EndpointSlot slot = co_await Wait(s, {});
  SLUICE_CHECK(slot.valid());
  ++s.served;
  Hold(s, std::move(slot));
}

// A session begins without a lock while a limit comes into force, one that comes then waits if
// there is no slot, and the first one ends (endpoint.h, I2).
inline void LimitComes(Execution& run) {
  auto& s = run.Make<EndpointState>(std::vector<uint32_t>{1});
  s.queue.Publish(s.Unlimited(proxy::AdminState::kReady));
  AddTask(s, 0, WaitAndHold(s));
  run.Thread("session", [&s] {
    proxy::EndpointSlot slot = s.queue.TryAcquire(0, {}, {});
    if (slot.valid()) Hold(s, std::move(slot));  // else the limit was there, and the other first
  });
  run.Thread("change", [&s] {
    s.queue.Publish(s.SetOf({1}));
    Tasks::Run(*s.waiting[0]);
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.served == 1);
    SLUICE_CHECK(s.endpoints[0].sessions() == 0);
  });
}

// One waits for the only endpoint, whose slot stays taken; another endpoint joins.
inline void OneJoins(Execution& run) {
  auto& s = run.Make<EndpointState>(std::vector<uint32_t>{1});
  s.max = {1, 1};
  s.slots[0] = s.TryTake();
  AddTask(s, 0, WaitAndServe(s, 0, {}));
  run.Thread("waiter", [&s] { Tasks::Run(*s.waiting[0]); });
  run.Thread("change", [&s] {
    s.queue.Publish(s.SetOf({1, 1}));
    s.RunWoken();
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.served == 1);
    s.GiveBack(std::move(s.slots[0]));
  });
}

// One waits for the only endpoint, which health keeps sessions from; it is well again meanwhile.
inline void OneIsWellAgain(Execution& run) {
  auto& s = run.Make<EndpointState>(std::vector<uint32_t>{1});
  s.queue.SetOut(s.endpoints[0], proxy::Endpoint::kEjected);
  AddTask(s, 0, WaitAndServe(s, 0, {}));
  run.Thread("waiter", [&s] { Tasks::Run(*s.waiting[0]); });
  run.Thread("health", [&s] {
    SLUICE_CHECK(!s.TryTake().valid());
    s.queue.SetOut(s.endpoints[0], 0);
    s.RunWoken();
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.served == 1);
  });
}

// One waits; the endpoint leaves while its slot is released, and the set has another one then. The
// released slot may be given away before the change, but not after it.
inline void OneLeaves(Execution& run) {
  auto& s = run.Make<EndpointState>(std::vector<uint32_t>{1, 1});
  s.slots = {s.TryTake(), s.TryTake()};
  run.Thread("session", [&s] { s.GiveBack(std::move(s.slots[0])); });
  run.Thread("change", [&s] {
    s.queue.Publish(s.SetOf({0, 1}));
    AddTask(s, 0, WaitAndServe(s, 0, {}));
    Tasks::Run(*s.waiting[0]);
    SLUICE_CHECK(s.served == 0);
    s.RunWoken();
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.served == 0);
    s.GiveBack(std::move(s.slots[1]));
    SLUICE_CHECK(s.served == 1);
  });
}

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_ENDPOINT_QUEUE_MODEL_H_
