// Worker: one thread of the runtime, with its run queue, reactor, timers and buffers.
//
//   while there is work:   LIFO slot ─► run queue ─► mailbox, inject queue ─► heavy queue
//                          ─► own reactor ─► steal
//   when there is none:    park = wait in the reactor until the next timer
//
// The scheduling rules are Tokio's (Lerche 2019, and its multi_thread scheduler since): a task
// woken by the running one goes to the LIFO slot and runs next, at most kMaxLifoRuns times in a
// row; what the reactor brings goes to the end of the queue; a full queue hands half to the inject
// queue, which every worker looks at now and then. Unlike there, each worker has its own reactor:
// a task that has run depends on two threads after it is stolen, until its operations have moved,
// which on busy CPUs costs more than a short wait. For such tasks a sleeping worker is woken only
// for a backlog, and a backlog is stolen from only when it is overdue: it would keep its owner busy
// for longer than kOverdue, or its owner has not been seen for so long. A task that has never run
// has nothing in any reactor. StealPolicy says whether that makes a difference:
//
//   kEager     a new task waits in a ring of its own, from which an idle worker takes at once; a
//              sleeping one is woken for the second that a task spawns in one run, or when two
//              wait; so does what a worker takes from the inject queue and does not run at once
//   kOverdue   a new task waits with those that have run
//
// Rounds and heavy tasks. A small request must not wait until every bulk stream has had its turn:
//   S1  A round ends, and the reactor is turned, after kWorkPerRound: 61 small tasks, or 488 KiB
//       copied, or one task that used up its budget, or kRoundTime. The clock is read every
//       kClockInterval tasks, and for each task only where they take kLongTask.
//   S2  A task whose last run was large (Runnable::heavy) waits in the heavy queue, whether it gave
//       way or the reactor woke it. Within that queue the first to come is the first to run.
//   S3  A heavy task runs when there is no light one; but of two rounds that end in a row, in at
//       least one a heavy task has run, if there was one. So neither kind starves the other.
//
// Late timers. A worker that has been away for longer than it meant to (the process was stopped,
// the machine paused, a task computed) finds timers due, and in the kernel events that came before
// them. The events go first:
//
//              late by kLate, a timer is due: it wakes the others
//   PUNCTUAL ────────────────────────────────────────────────────► CATCHING_UP: no timer fires
//      ▲                                                               │
//      │   L1 the queues have been run and a turn brings nothing more, │
//      │   and L2 each of the others has settled since; or L3 the hold │
//      └─── is used up ────────────────────────────────────────────────┘
//
// L2 is for tasks that have moved: the timer is in the wheel of one worker, what the task waits for
// in the reactor of another, which may have been stopped as well and has perhaps not run yet. A
// worker has settled since T when it has found nothing to run after a turn that it began at T or
// later: what the kernel had at T has been seen and run. It says so whenever it is about to sleep
// (settled_), and not otherwise, so that this costs nothing while there is work; asleep it says
// nothing, therefore it is woken. One that waits for the others naps, and they do not wait for it
// to do so: none ever waits for another one's hold. Not covered is what a worker that has settled
// takes from one that has not, or is handed by it: the event of the task itself is in its inbox
// before the timer, but what such a task then does to another one may come behind the timer of that
// one.
//
// The hold is as long as the worker was late, at most kMaxHold, and kMinHold; a turn uses up at
// most kLate of it, so that a second pause takes away no more than that. Steady work, its own or
// another one's, can thus delay a timer that is late anyway, or falls due meanwhile, by the hold,
// or where rounds take longer than kLate, by as many rounds as the hold has kLate. A task that
// computes on another worker does so once: a worker that has not turned its reactor in a whole hold
// is not waited for again before it has. Nor is one that has not begun, or has ended.
//
// Threads: a worker's methods are for its own thread unless they say "any".
// Checked by: tests/core/sched/scheduler_test.cc, tests/core/sched/rounds_test.cc,
//             tests/core/sched/late_timers_test.cc, tests/core/sched/late_workers_test.cc,
//             tests/core/sched/steal_policy_test.cc, tests/model.
#ifndef SLUICE_CORE_SCHED_WORKER_H_
#define SLUICE_CORE_SCHED_WORKER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "core/base/atomic.h"
#include "core/base/clock.h"
#include "core/base/time.h"
#include "core/reactor/buffer_pool.h"
#include "core/reactor/reactor.h"
#include "core/sched/inject_queue.h"
#include "core/sched/shared.h"
#include "core/sched/shuffle.h"
#include "core/sched/steal_queue.h"
#include "core/sched/timer_wheel.h"
#include "core/sched/worker_counters.h"
#include "core/sched/worker_memory.h"
#include "core/sched/worker_options.h"
#include "core/task/runnable.h"

namespace sluice::core {

class Worker {
 public:
  // The worker that the calling thread is, or null. Never keep the answer across a co_await.
  static Worker* Current();

  Worker(Shared& shared, uint32_t index, const Clock& clock, const WorkerOptions& options);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  // Reserves the buffers and makes what belongs to the thread. On the worker's thread, before Run.
  // After an error it may be called again.
  absl::Status Start(const ReactorFactory& make_reactor);

  // Takes back what Start has made of the thread's own. On the worker's thread, when nothing has
  // run.
  void Abandon();

  // Runs tasks until Shared::Stop has been called and nothing is left to do.
  void Run();

  // The same, or until `done`, which is set before a Wake: then tasks may be left, and RunUntil or
  // Run goes on with them. On one thread always.
  void RunUntil(const Atomic<bool>& done);

  // Runs what is in its mailbox, for what ends a runtime. When its thread has ended.
  void RunMail() {
    while (Runnable* task = mailbox_.Pop()) task->Run();
  }

  // One round of Run, for simulations: false when there was nothing to run (then it has turned the
  // reactor without waiting).
  bool Step();

  // Makes this the calling thread's worker (simulations run several on one thread).
  void Enter();
  static void LeaveCurrent();

  // Puts a task on this worker's queue: woken by a running task, it runs next (LIFO slot).
  void Schedule(Runnable& task);

  // Puts a task at the end of this worker's queue: spawned tasks start in order.
  void ScheduleLast(Runnable& task);

  // The same for a task that has never run: with StealPolicy::kEager another worker may take it at
  // once. New tasks of one worker start in order.
  void ScheduleNew(Runnable& task);

  // Any thread: has this very worker run it first (it may still be stolen later).
  void ScheduleHere(Runnable& task);

  // Any thread.
  void Wake() { reactor_->Wake(); }

  // Runs a task that has been taken from a queue; on its own thread.
  Runnable::Outcome Run(Runnable& task, int32_t& copied) {
    if (shared_.watch() != nullptr) [[unlikely]]
      return RunWatched(task, copied);
    return task.Run(copied);
  }

  // The task that it runs; null between two of them.
  const Runnable* running() const { return running_; }

  Reactor& reactor() { return *reactor_; }
  const Reactor& reactor() const { return *reactor_; }
  BufferPool& pool() { return memory_.pool(); }
  TimerWheel& wheel() { return wheel_; }
  Shared& shared() const { return shared_; }
  uint32_t index() const { return index_; }
  const Clock& clock() const { return clock_; }
  // The time of the last look at the clock: at most one round of tasks old.
  Instant Now() const { return now_; }
  // Whether it is catching up, with timers that are due and do not fire yet; for simulations.
  bool holds_timers() const { return hold_ > 0ns; }
  const WorkerCounters& counters() const { return counters_; }
  // Any thread: how long a run of a task takes, a mean of the last ones.
  Duration mean_task_time() const { return task_time_.load(std::memory_order_relaxed); }

 private:
  friend class Shared;
  static constexpr int kMaxLifoRuns = 3;
  // One unit is kBytesPerUnit copied.
  static constexpr int32_t kWorkPerTask = 2;
  static constexpr int32_t kWorkPerRound = 61 * kWorkPerTask;
  static constexpr uint32_t kClockInterval = 16;
  static constexpr Duration kRoundTime = 300us;
  static constexpr Duration kLongTask = kRoundTime / 4;
  static constexpr Duration kLate = 5ms;
  static constexpr Duration kMinHold = 4 * kLate;
  static constexpr Duration kMaxHold = 500ms;
  static constexpr Duration kLeastHeld = 10us;  // what a turn uses up, if time stands still
  static constexpr Duration kNap = 1ms;
  static constexpr Instant kAway = Instant::Max();
  static constexpr uint32_t kWakeBacklog = 16;  // queued tasks that are worth waking a worker for
  static constexpr uint32_t kStealBacklog = 4;  // queued tasks that may be worth stealing from
  static constexpr Duration kOverdue = 1ms;
  static constexpr uint8_t kHeavyDue = 1;   // S3
  static constexpr uint8_t kNewDue = 2;     // there may be new tasks
  static constexpr uint8_t kShuffled = 4;   // always, or never
  static constexpr uint8_t kSearching = 1;  // is counted as a searcher
  static constexpr uint8_t kWatched = 2;    // in its last wait; nothing has run since

  template <typename Done>
  void RunLoop(Done done);
  void RunTask(Runnable& task);
  static Runnable::Outcome RunWatched(Runnable& task, int32_t& copied);
  Runnable* NextTask();
  Runnable* NextLocal();
  Runnable* NextNew();
  Runnable* NextHeavy();
  Runnable* NextShared();
  Runnable* NextShuffled();
  Runnable* Steal();
  Runnable* StealNew(Worker& victim);
  Runnable* StealFrom(Worker& victim);
  Runnable* Search();
  void PassOnSearch();
  bool UnwatchedBacklog() const;
  void Queue(Runnable& task) {
    if (task.heavy()) [[unlikely]] {
      QueueHeavy(task);
    } else {
      ScheduleLast(task);
    }
  }
  // Whether NextShared takes from the mailbox: in turn with the inject queue, because a task of the
  // mailbox may come back there at once.
  bool MailIsNext() {
    if (mailbox_.empty()) return false;
    mail_was_next_ = !mail_was_next_;
    return mail_was_next_ || shared_.inject_.empty();
  }
  // One that gives way, or has used up its budget.
  void PutBack(Runnable& task) {
    if (&task.scheduler() == &shared_) {
      Queue(task);
    } else {
      task.scheduler().Schedule(task);  // it is not for every worker
    }
  }
  void QueueHeavy(Runnable& task);
  // Inline up to what most schedules need.
  void WakeForBacklog() {
    if (shared_.workers_.size() == 1) return;
    if (const size_t backlog = queued(); backlog >= kWakeBacklog) WakeForBacklog(backlog);
  }
  void WakeForBacklog(size_t backlog);
  void Overflow(std::span<Runnable* const> tasks);
  bool RoundIsOver() const;
  void EndRound();
  void TurnReactor(std::optional<Duration> timeout);
  Runnable* TurnAndLook();
  bool TimersMayFire(Duration gap, Duration late, bool all_run);
  void AskOthers();
  bool OthersHaveSettled() const;
  void UpdateGauges();
  void Park();
  void Wait();
  bool BusyPoll();
  void NoteTaskTime(Duration per_task);
  bool SharedWork() const;
  size_t queued() const { return queue_.SizeHint() + heavy_.size(); }
  bool HasBacklog() const { return queued() >= kStealBacklog; }
  bool Overdue(const Worker& victim) const;
  bool eager() const { return options_.stealing && options_.steal_policy == StealPolicy::kEager; }
  bool OwnNew() const { return eager() && new_.SizeHint() != 0; }
  bool HasNew(const Worker& victim) const { return &victim != this && victim.new_.SizeHint() != 0; }
  bool OverdueElsewhere() const;
  bool NewElsewhere() const;
  bool BacklogElsewhere() const;

  Shared& shared_;
  const uint32_t index_;
  const Clock& clock_;
  const WorkerOptions options_;

  StealQueue<Runnable> queue_;
  StealQueue<Runnable> new_;  // tasks that any may take; empty with StealPolicy::kOverdue
  Runnable* lifo_ = nullptr;
  int lifo_runs_ = 0;
  Runnable* running_ = nullptr;
  bool mail_was_next_ = false;
  bool heavy_ran_ = false;  // in this round
  uint8_t due_ = 0;         // kHeavyDue, kNewDue, kShuffled
  uint8_t looking_ = 0;     // kSearching, kWatched
  bool new_turn_ = false;   // whether the last look found it to be the new tasks' turn
  int32_t work_ = 0;        // in this round
  uint32_t tick_ = 0;       // one for each run of a task
  uint32_t between_looks_ = kClockInterval - 1;  // at the clock; 0 where tasks are long
  uint32_t spawned_in_ = 0;                      // the run in which a task was spawned last
  uint32_t shared_interval_ = 61;                // tasks between looks at the inject queue; tuned
  uint32_t until_shared_ = 61;                   // the next one
  uint32_t tasks_since_turn_ = 0;
  uint64_t random_;
  uint64_t tasks_at_wait_ = ~uint64_t{0};  // how many had run when it last waited
  Instant now_;
  Duration hold_{0};     // what is left of it; 0: punctual
  uint64_t reaped_ = 0;  // when it was looked at last: only while catching up
  Instant held_from_{};  // when the last hold began
  Instant late_at_{};    // when it was late last: the others are to settle after this
  Instant gave_up_{};    // held_from_ of the last hold that was used up

  TimerWheel wheel_;
  WorkerMemory memory_;
  InjectQueue mailbox_;            // any thread
  InjectQueue heavy_;              // filled by the owner; thieves take from it
  Atomic<size_t> tasks_begun_{0};  // spawned and ended here: Shared::live_tasks
  Atomic<size_t> tasks_ended_{0};
  Atomic<Instant> turned_;                   // like now_; thieves read it
  Atomic<Instant> settled_{kAway};           // L2; kAway: has not begun, or has ended
  Atomic<Duration> task_time_{Duration{0}};  // how long a task takes lately; thieves read it
  std::unique_ptr<Reactor> reactor_;
  const std::unique_ptr<Shuffle> shuffle_;  // or null
  WorkerCounters counters_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SCHED_WORKER_H_
