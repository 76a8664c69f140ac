// Models of EndpointQueue: sessions that are forgiven what they have tried, and that come back.
#ifndef SLUICE_TESTS_MODEL_FORGIVE_MODEL_H_
#define SLUICE_TESTS_MODEL_FORGIVE_MODEL_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/task/select.h"
#include "proxy/upstream/endpoint_queue.h"
#include "tests/model/endpoint_queue_model.h"

namespace sluice::model {

inline core::Task<void> ForgiveInTime(EndpointState& s, proxy::EndpointQueue::SlotAwaiter& waiter) {
  if (!co_await s.time_is_up.token().Cancelled()) co_return;
  s.queue.Forgive(waiter);
  (void)co_await s.never.token().Cancelled();
}

inline core::Task<void> WaitForgiven(EndpointState& s, int who,
                                     std::vector<proxy::Endpoint*> tried) {
  proxy::EndpointQueue::SlotAwaiter waiter = s.queue.WaitForSlot({}, tried);
  auto outcome = co_await core::Select(waiter, ForgiveInTime(s, waiter));
  proxy::EndpointSlot slot = std::move(outcome.Get<0>());
  SLUICE_CHECK(slot.valid());
  Served(s, std::move(slot), who);
}

// One has tried the first of two endpoints, and was passed over when that was released. It is
// forgiven while the slots of `released` of them are released: it gets one, none is lost.
inline Model IsForgiven(int released) {
  return [released](Execution& run) {
    auto& s = run.Make<EndpointState>(std::vector<uint32_t>{1, 1});
    s.slots = {s.TryTake(), s.TryTake()};
    AddTask(s, 0, WaitForgiven(s, 0, {&s.endpoints[0]}));
    Tasks::Run(*s.waiting[0]);
    s.GiveBack(std::move(s.slots[0]));
    s.slots[0] = s.TryTake();
    run.Thread("time", [&s] {
      s.time_is_up.Cancel();
      s.RunWoken();
    });
    for (int i = 0; i < released; ++i) {
      run.Thread(i == 0 ? "session one" : "session two",
                 [&s, i] { s.GiveBack(std::move(s.slots[i])); });
    }
    run.Finally([&s, released] {
      s.RunWoken();
      SLUICE_CHECK(s.served == 1);
      for (int i = 0; i < released; ++i) s.slots[i] = s.TryTake();
      SLUICE_CHECK(s.slots[0].valid() && s.slots[1].valid());
    });
  };
}

// It has tried the first endpoint, tries it once more when it is forgiven, and comes back.
inline core::Task<void> TryOnceMore(EndpointState& s, int who) {
  const std::vector<proxy::Endpoint*> tried{&s.endpoints[0]};
  proxy::EndpointQueue::Place place(s.queue);
  proxy::EndpointSlot slot;
  {
    proxy::EndpointQueue::SlotAwaiter waiter = s.queue.WaitForSlot({}, tried, &place);
    auto outcome = co_await core::Select(waiter, ForgiveInTime(s, waiter));
    slot = std::move(outcome.Get<0>());
  }
  SLUICE_CHECK(slot.valid());
  if (s.IndexOf(slot) == 0) {
    s.Count(slot);
    s.GiveBack(std::move(slot));
    slot = co_await s.queue.WaitForSlot({}, tried, &place);
    SLUICE_CHECK(slot.valid() && s.IndexOf(slot) == 1);
  }
  Served(s, std::move(slot), who);
}

// Two have tried the first endpoint, and wait for the second one. The one in front is forgiven
// while a slot of the first one is released: whatever it tries, it is the first one still.
inline void ComesBack(Execution& run) {
  auto& s = run.Make<EndpointState>(std::vector<uint32_t>{1, 1});
  s.slots = {s.TryTake(), s.TryTake()};
  AddTask(s, 0, TryOnceMore(s, 0));
  AddTask(s, 1, WaitAndServe(s, 1, {&s.endpoints[0]}));
  for (core::Runnable* task : s.waiting) Tasks::Run(*task);
  run.Thread("time", [&s] {
    s.time_is_up.Cancel();
    s.RunWoken();
  });
  run.Thread("session", [&s] { s.GiveBack(std::move(s.slots[0])); });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.served == 0);
    s.GiveBack(std::move(s.slots[1]));
    SLUICE_CHECK(s.served == 2 && s.last == 1);
  });
}

// The first endpoint is usable, and the second one is released while the one in front is forgiven,
// tries the first one and comes back: the other one has the turn, or it has.
inline void IsAway(Execution& run) {
  auto& s = run.Make<EndpointState>(std::vector<uint32_t>{1, 1});
  s.slots = {s.TryTake(), s.TryTake()};
  AddTask(s, 0, TryOnceMore(s, 0));
  AddTask(s, 1, WaitAndServe(s, 1, {&s.endpoints[0]}));
  for (core::Runnable* task : s.waiting) Tasks::Run(*task);
  s.GiveBack(std::move(s.slots[0]));
  run.Thread("time", [&s] {
    s.time_is_up.Cancel();
    s.RunWoken();
  });
  run.Thread("session", [&s] { s.GiveBack(std::move(s.slots[1])); });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.served == 2);
    s.slots = {s.TryTake(), s.TryTake()};
    SLUICE_CHECK(s.slots[0].valid() && s.slots[1].valid());
  });
}

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_FORGIVE_MODEL_H_
