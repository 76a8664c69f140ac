// PausedClock: time that stands still while anything can run, and jumps to the next timer when
// nothing can: a test of hours takes no time, also with real sockets in flight.
//
//     PausedClock clock;
//     Runtime runtime({.workers = 2}, clock, clock.Pausing(make_reactor));   // of any backend
//     runtime.Run(Main());                       // co_await Sleep(3600s) ends at once
//
//   BUSY ── every worker has found nothing to run, and its reactor, asked ──► IDLE
//    ▲      without waiting since the last task ran, has brought nothing       │
//    │                                                                         │ jump to the
//    └── a timer fires, an event comes, a thread wakes a worker ◄──────────────┘ next timer
//
// With I/O in flight it jumps all the same, as Tokio's paused clock does: what the kernel has by
// then counts as first. Bytes sent through a UNIX socket or a pipe by a task of the same runtime
// are there at once, so they always come before a timer. What comes through TCP, from another
// process or from a thread outside of the runtime takes real time, and a timer may overtake it. Two
// remedies:
//
//   io_grace     how long (real time) a worker with ops in flight waits for them before a jump
//   Hold         while one is alive the clock does not jump; for work outside of the runtime whose
//                end a task waits for. Advance still works.
//
// Without a timer there is nothing to jump to: the workers wait for the kernel, in real time.
//
// What the clock knows a task may wait for:
//
//   co_await clock.Settled();    until nothing else can run; before any jump, so no time passes
//   co_await clock.Stuck();      until nothing will ever run: no timer, no op in flight, no Hold.
//                                False: the scope was cancelled first
//
// How it is done. Pausing wraps each reactor. Before a worker may sleep, its reactor asks the
// kernel without waiting and returns; if the worker comes back without having run a task, it takes
// its seat as idle, at the epoch in which it has asked. An epoch ends whenever a task has run, on
// any worker. The worker that finds all seats idle at the current epoch lets the clock jump and
// wakes those whose time has come; seats of an older epoch it wakes to ask again.
//
// Invariants
//   P1  The clock jumps only while every worker is in its reactor's wait, none has been woken, and
//       each has asked the kernel since the last task ran.
//   P2  It jumps to the earliest time that a worker waits for, never past it, and never back.
//   P3  Where it might jump, those that wait in Settled go on first, and those in Stuck only when
//       there is neither of these nor anywhere to jump to.
// Threads: any. It outlives the runtime. For tests: each wait of a worker takes a lock of all.
// Checked by: tests/core/testing/paused_clock_test.cc (io_uring and epoll, one worker and two),
// tests/core/testing/probe_test.cc (Settled), tests/core/testing/testbed_test.cc (Stuck).
#ifndef SLUICE_CORE_TESTING_PAUSED_CLOCK_H_
#define SLUICE_CORE_TESTING_PAUSED_CLOCK_H_

#include <coroutine>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/clock.h"
#include "core/base/time.h"
#include "core/reactor/reactor.h"
#include "core/task/cancel_scope.h"
#include "core/task/node_queue.h"
#include "core/task/task.h"

namespace sluice::core::testing {

class PausedClock final : public Clock {
 public:
  explicit PausedClock(Duration io_grace = 0ns) : io_grace_(io_grace) {}
  PausedClock(const PausedClock&) = delete;
  PausedClock& operator=(const PausedClock&) = delete;

  Instant Now() const override;

  // Reactors of a runtime whose time is this clock's. One runtime at a time.
  ReactorFactory Pausing(ReactorFactory make_reactor);

  // By hand. Timers that are due then fire one after the other, all at the new time.
  void Advance(Duration by);

  // How many jumps there have been.
  uint64_t jumps() const;

  class QuietAwaiter;
  QuietAwaiter Settled() ABSL_NO_THREAD_SAFETY_ANALYSIS;
  QuietAwaiter Stuck() ABSL_NO_THREAD_SAFETY_ANALYSIS;

  class Hold {
   public:
    explicit Hold(PausedClock& clock) : clock_(clock) { clock_.AddHold(1); }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold() { clock_.AddHold(-1); }

   private:
    PausedClock& clock_;
  };

 private:
  friend class PausedReactor;

  // A worker, as the clock sees it. The first two are the worker's own.
  struct Seat {
    Reactor* reactor = nullptr;  // the real one
    bool polled = false;         // it has asked the kernel, and comes back with nothing to run
    bool idle = false;
    bool woken = false;  // by a thread that wants it to look
    uint64_t epoch = 0;  // in which it has asked the kernel
    uint64_t tasks = 0;  // that it had run by then
    int64_t in_flight = 0;
    OptionalInstant deadline;
  };

  void AddSeat(Seat& seat);
  void RemoveSeat(Seat& seat);
  void AddHold(int by);
  void Wake(Seat& seat);

  // The worker's. True: it has to ask the kernel (again) before it may sit down.
  bool MustPoll(Seat& seat, uint64_t tasks);
  // False: it may not sleep, there is something to look at.
  bool SitDown(Seat& seat, OptionalInstant deadline);
  void StandUp(Seat& seat);

  void MaybeJump(NodeQueue& quieted) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void Quiet(NodeQueue& queue, NodeQueue& quieted);
  // Without the lock: a post may wake a worker.
  static void PostAll(NodeQueue& quieted);
  void WakeDue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Duration io_grace_;
  mutable absl::Mutex mutex_;
  Instant now_ ABSL_GUARDED_BY(mutex_) = Instant(1000s);
  uint64_t epoch_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t jumps_ ABSL_GUARDED_BY(mutex_) = 0;
  int holds_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Seat*> seats_ ABSL_GUARDED_BY(mutex_);
  NodeQueue settling_ ABSL_GUARDED_BY(mutex_);
  NodeQueue stuck_ ABSL_GUARDED_BY(mutex_);
};

class [[nodiscard]] PausedClock::QuietAwaiter final : public Waiter {
 public:
  QuietAwaiter(PausedClock& clock, NodeQueue& queue) : clock_(clock), queue_(queue) {}

  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    PromiseBase& promise = handle.promise();
    if (promise.scope->cancelled()) return false;
    handle_ = handle;
    task_ = promise.task;
    scope_ = promise.scope;
    scope_->Enter(*this);
    absl::MutexLock lock(&clock_.mutex_);
    queue_.Push(*this);
    return true;
  }
  bool await_resume() {
    if (scope_ != nullptr) scope_->Leave(*this);
    return quiet_;
  }
  void Cancel() override;
  void OnReady() override { handle_.resume(); }

 private:
  friend class PausedClock;
  PausedClock& clock_;
  NodeQueue& queue_;
  Runnable* task_ = nullptr;
  CancelScope* scope_ = nullptr;
  std::coroutine_handle<> handle_;
  bool quiet_ = false;
};

}  // namespace sluice::core::testing

#endif  // SLUICE_CORE_TESTING_PAUSED_CLOCK_H_
