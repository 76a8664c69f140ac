#include "proxy/upstream/slot_wait.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/sched/worker.h"
#include "core/task/select.h"
#include "core/time/sleep.h"

namespace sluice::proxy {
namespace {

using core::Duration;
using core::Instant;
using core::Worker;

constexpr Duration kShortestRampStep = 10ms;
constexpr Duration kLongestRampStep = 1s;

// Lets the endpoints' ramps, if there are any, go on meanwhile. False: the scope was cancelled.
core::Task<bool> SleepOnRamp(EndpointQueue& queue, Duration duration, Duration slow_start) {
  const Instant until = Worker::Current()->clock().Now() + duration;
  const Duration step = slow_start == 0s ? duration
                                         : std::clamp<Duration>(slow_start / 100, kShortestRampStep,
                                                                kLongestRampStep);
  for (Duration left = duration; left > 0s; left = until - Worker::Current()->clock().Now()) {
    if (!co_await core::Sleep(std::min(left, step))) co_return false;
    if (slow_start > 0s) queue.RampUp(Worker::Current()->clock().Now());
  }
  co_return true;
}

// The three ways to wait are not inlined: a frame that connects does not hold what only waiting
// needs, and each holds only what it needs itself.
[[gnu::noinline]] core::Task<EndpointSlot> WaitPlainly(EndpointQueue& queue, Duration timeout,
                                                       const PickRequest& request,
                                                       std::span<Endpoint* const> tried,
                                                       EndpointQueue::Place* place) {
  auto outcome =
      co_await core::Select(core::Named<"slot">(queue.WaitForSlot(request, tried, place)),
                            core::Named<"timeout">(core::Sleep(timeout)));
  co_return std::move(outcome.Get<"slot">());  // also when it came just in time
}

[[gnu::noinline]] core::Task<EndpointSlot> WaitOnRamp(EndpointQueue& queue, SlotWait wait,
                                                      const PickRequest& request,
                                                      std::span<Endpoint* const> tried) {
  auto outcome = co_await core::Select(
      core::Named<"slot">(queue.WaitForSlot(request, tried, wait.place.get())),
      core::Named<"timeout">(SleepOnRamp(queue, wait.timeout, wait.slow_start)));
  co_return std::move(outcome.Get<"slot">());
}

core::Task<bool> SleepAndForgive(EndpointQueue& queue, SlotWait wait,
                                 EndpointQueue::SlotAwaiter& waiter) {
  if (!co_await SleepOnRamp(queue, wait.forgiven_after, wait.slow_start)) co_return false;
  queue.Forgive(waiter);
  co_return co_await SleepOnRamp(queue, wait.timeout - wait.forgiven_after, wait.slow_start);
}

[[gnu::noinline]] core::Task<EndpointSlot> WaitForgiven(EndpointQueue& queue, SlotWait wait,
                                                        const PickRequest& request,
                                                        std::span<Endpoint* const> tried) {
  EndpointQueue::SlotAwaiter waiter = queue.WaitForSlot(request, tried, wait.place.get());
  auto outcome = co_await core::Select(
      core::Named<"slot">(waiter), core::Named<"timeout">(SleepAndForgive(queue, wait, waiter)));
  co_return std::move(outcome.Get<"slot">());
}

}  // namespace

core::Task<EndpointSlot> WaitForSlot(EndpointQueue& queue, SlotWait wait,
                                     const PickRequest& request, std::span<Endpoint* const> tried) {
  if (wait.forgiven_after > 0s) {
    if (wait.place == nullptr) wait.place = std::make_unique<EndpointQueue::Place>(queue);
    return WaitForgiven(queue, wait, request, tried);
  }
  if (wait.slow_start > 0s) return WaitOnRamp(queue, wait, request, tried);
  return WaitPlainly(queue, wait.timeout, request, tried, wait.place.get());
}

}  // namespace sluice::proxy
