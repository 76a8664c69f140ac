// A queue of endpoints, and sessions that wait in it, are told of when they are forgiven, and keep
// what they get. One test, one thread: everything that a step leads to has happened when it ends.
#ifndef SLUICE_TESTS_PROXY_UPSTREAM_FORGIVING_H_
#define SLUICE_TESTS_PROXY_UPSTREAM_FORGIVING_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "core/runtime/task_group.h"
#include "core/sync/cancellation.h"
#include "core/task/select.h"
#include "proxy/upstream/endpoint_queue.h"
#include "tests/core/support/yield.h"
#include "tests/proxy/upstream/endpoints.h"

namespace sluice::proxy::testing {

using core::Task;
using Tried = std::vector<uint32_t>;

// Endpoints with these limits; all slots of those that have one are taken.
struct State {
  explicit State(const std::vector<uint32_t>& max)
      : endpoints(max.size()), queue(1, endpoints.Limited(max, policy)) {
    for (uint32_t i = 0; i < max.size(); ++i) {
      held.emplace_back();
      if (max[i] != 0) Take(i);
    }
  }

  // One that is not full.
  void Take(uint32_t endpoint) { held[endpoint] = queue.TryAcquire(0, {.key = endpoint}, {}); }
  void Release(uint32_t endpoint) { const EndpointSlot gone = std::move(held[endpoint]); }

  FromKey policy;
  Endpoints endpoints;
  EndpointQueue queue;
  std::deque<core::CancellationSource> forgiven;  // each told by its task
  std::deque<core::CancellationSource> failed;    // what they have been given; by name, too
  std::deque<core::CancellationSource> again;     // forgiven once more
  core::CancellationSource end;                   // those that still wait are to leave
  std::vector<EndpointSlot> held;                 // by endpoint
  size_t forgave = 0;                             // how many
  bool ends = false;                              // none waits again
  std::string tried;                              // by those that retry: names and endpoints
  std::string served;                             // names and endpoints, in order
};

// Each until it is told.
inline Task<void> Forgiven(State& state, EndpointQueue::SlotAwaiter& waiter,
                           core::CancellationToken told) {
  if (!co_await told.Cancelled()) co_return;
  state.queue.Forgive(waiter);
  ++state.forgave;
  (void)co_await state.end.token().Cancelled();
}

inline Task<EndpointSlot> Wait(State& state, Tried tried, core::CancellationToken told,
                               EndpointQueue::Place* place = nullptr) {
  const std::vector<Endpoint*> endpoints = state.endpoints.Some(tried);
  EndpointQueue::SlotAwaiter waiter = state.queue.WaitForSlot({}, endpoints, place);
  auto outcome = co_await core::Select(waiter, Forgiven(state, waiter, told));
  co_return std::move(outcome.Get<0>());
}

inline void Keep(State& state, char name, EndpointSlot slot) {
  if (!slot.valid()) return;
  const uint32_t index = Endpoints::IndexOf(slot.endpoint());
  state.served += name;
  state.served += static_cast<char>('0' + index);
  state.held[index] = std::move(slot);
}

// Keeps what it gets.
inline Task<void> WaitAs(State& state, char name, Tried tried, core::CancellationToken told) {
  Keep(state, name, co_await Wait(state, std::move(tried), told));
}

// What it gets fails when that is told; then it waits again, and keeps what it gets.
inline Task<void> RetryAs(State& state, char name, Tried tried) {
  const auto number = static_cast<size_t>(name - 'a');
  EndpointQueue::Place place(state.queue);
  EndpointSlot slot = co_await Wait(state, tried, state.forgiven[number].token(), &place);
  if (slot.valid()) {
    state.tried += name;
    state.tried += static_cast<char>('0' + Endpoints::IndexOf(slot.endpoint()));
    (void)co_await state.failed[number].token().Cancelled();
  }
  slot = EndpointSlot();
  if (state.ends) co_return;
  Keep(state, name, co_await Wait(state, tried, state.again[number].token(), &place));
}

inline Task<void> Settle() {
  for (int i = 0; i < 10; ++i) co_await core::testing::Yield();
}

inline char NextName(State& state) {
  const char name = static_cast<char>('a' + state.forgiven.size());
  state.forgiven.emplace_back();
  state.failed.emplace_back();
  state.again.emplace_back();
  return name;
}

// Those that come are called a, b, c, and so on, in this order.
inline Task<void> Come(State& state, core::TaskGroup& group, Tried tried) {
  const char name = NextName(state);
  group.Spawn(WaitAs(state, name, std::move(tried), state.forgiven.back().token()));
  co_await Settle();
}

inline Task<void> ComeAndRetry(State& state, core::TaskGroup& group, Tried tried) {
  group.Spawn(RetryAs(state, NextName(state), std::move(tried)));
  co_await Settle();
}

inline Task<void> Forgive(State& state, char name) {
  state.forgiven[static_cast<size_t>(name - 'a')].Cancel();
  co_await Settle();
}

inline Task<void> ForgiveAgain(State& state, char name) {
  state.again[static_cast<size_t>(name - 'a')].Cancel();
  co_await Settle();
}

inline Task<void> Fail(State& state, char name) {
  state.failed[static_cast<size_t>(name - 'a')].Cancel();
  co_await Settle();
}

inline Task<void> Release(State& state, uint32_t endpoint) {
  state.Release(endpoint);
  co_await Settle();
}

inline Task<void> EndAll(State& state, core::TaskGroup& group) {
  state.ends = true;
  for (core::CancellationSource& each : state.forgiven) each.Cancel();
  for (core::CancellationSource& each : state.failed) each.Cancel();
  for (core::CancellationSource& each : state.again) each.Cancel();
  state.end.Cancel();
  co_await group.Join();
}

}  // namespace sluice::proxy::testing

#endif  // SLUICE_TESTS_PROXY_UPSTREAM_FORGIVING_H_
