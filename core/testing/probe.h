// Probe: an awaitable that has been begun, and can be looked at while it waits; Settle: until all
// that can run has run.
//
//     Probe next([&] { return receiver.Next(); });
//     EXPECT_TRUE(co_await next.Pending());            // begins it: it waits
//     EXPECT_TRUE(sender.TrySend(7).ok());
//     EXPECT_TRUE(co_await next.Ready());
//     EXPECT_EQ(*next.Take(), 7);
//
//     Probe last([&] { return receiver.Next(); });
//     EXPECT_TRUE(co_await last.Pending());
//     EXPECT_EQ((co_await last.Cancel()).error(), ECANCELED);     // it gives up, and has ended
//
//   NEW ── Pending, Ready, Begin ──► WAITS ── ends ──► ENDED ── Take, or Cancel ──► TAKEN
//    └───────────── Cancel: begins in a cancelled scope ──┘
//
// Before Pending and Ready answer, everything runs that can, in this and all other tasks, and no
// time passes: what is pending then waits for a timer, for the kernel or for the test. It is part
// of the task that looks at it. A probe that has begun ends before it goes: it is taken or
// cancelled.
//
// For a runtime with a PausedClock, as a Testbed has. Threads: inside one task.
// Checked by: tests/core/testing/probe_test.cc.
#ifndef SLUICE_CORE_TESTING_PROBE_H_
#define SLUICE_CORE_TESTING_PROBE_H_

#include <coroutine>
#include <type_traits>
#include <utility>

#include "core/base/check.h"
#include "core/task/branch.h"
#include "core/task/cancel_scope.h"
#include "core/task/shield.h"
#include "core/task/task.h"
#include "core/testing/paused_clock.h"

namespace sluice::core::testing {

// The clock of the runtime whose task this is called in.
PausedClock& CurrentPausedClock();

// `co_await Settle();` Until nothing else can run. Not cut short by a cancelled scope.
inline Task<void> Settle() { (void)co_await Shield(CurrentPausedClock().Settled()); }

template <typename Make>
class Probe final : private ChildObserver {
  using A = std::invoke_result_t<Make&>;

 public:
  using Value = typename internal::Branch<A>::Value;

  // `make()` brings the awaitable, which is made in its place: many cannot be moved.
  explicit Probe(Make make)
      : make_(std::move(make)), awaitable_(make_()), branch_(static_cast<A&&>(awaitable_)) {}
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  ~Probe() {
    SLUICE_CHECK_USE(!begun_ || branch_.done(),
                     "a Probe that still waits goes: await its Cancel() before");
  }

  // Whether it waits.
  Task<bool> Pending() {
    co_await Begin();
    co_return !branch_.done();
  }
  // Whether it has ended.
  Task<bool> Ready() {
    co_await Begin();
    co_return branch_.done();
  }
  // Begins it, unless it has begun; then all that can runs.
  Task<void> Begin() {
    Start((co_await CurrentContext()).task);
    co_await Settle();
  }
  // Asks it to give up, waits for its end, and brings what it brings.
  Task<Value> Cancel() {
    row_.scopes[0].Cancel();
    co_await Begin();
    while (!branch_.done()) co_await Settle();
    co_return Take();
  }
  // What it has brought, when it has ended; throws what that threw. Once.
  Value Take() {
    SLUICE_CHECK_USE(begun_ && branch_.done(), "it has not ended: await Ready() before");
    return branch_.TakeValue();
  }

 private:
  void Start(Runnable* task) {
    if (std::exchange(begun_, true)) return;
    branch_.Start(task, row_.scopes.data(), *this);
  }
  std::coroutine_handle<> ChildDone() override { return std::noop_coroutine(); }

  Make make_;  // what it has captured lives as long
  A awaitable_;
  internal::Branch<A> branch_;
  ScopeRow<1> row_;
  bool begun_ = false;
};

}  // namespace sluice::core::testing

#endif  // SLUICE_CORE_TESTING_PROBE_H_
