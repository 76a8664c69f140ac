// Runnable: a spawned task as the scheduler sees it.
//
// A spawned task with all the coroutines it awaits, joins and selects is one Runnable, and a
// Runnable runs on one worker at a time. So whatever lives inside one task (its operations, its
// timers, its cancel scopes) needs no lock. Events reach a task from any thread, but only through
// its inbox:
//
//            Post (first)                       popped by a worker
//   IDLE ───────────────────► QUEUED(list) ───────────────────────► RUNNING(empty | list)
//    ▲      schedules it          │  Post: appends                     │   Post: appends
//    │                            ▼                                    │
//    └─────────────────────────────────────── inbox empty at the end ──┘
//
// A new task is QUEUED(empty): its first node waits beside the inbox, where Run keeps what it has
// taken out, and is handled before what is posted meanwhile.
//
// One atomic word holds it all: kIdle, null (awake, inbox empty), or the newest posted node.
//
// Invariants
//   I1  A Runnable is in at most one run queue, and in none while it runs: only the Post that finds
//       kIdle schedules it.
//   I2  A node is in at most one inbox at a time and stays valid until its OnReady has begun.
//   I3  A task ends only when no node of it is outstanding, so nothing is posted to a dead task.
//   I4  Nodes posted by one thread are handled in the order in which it posted them.
//
// Memory orders: the acq_rel exchange in Post meets the acquire exchange in Run (what the poster
// wrote before Post is seen by OnReady); the release CAS to kIdle meets the acquire of the Post
// that finds kIdle (the next worker sees what the last one wrote).
// Checked by: tests/core/task/runnable_test.cc, tests/core/sched/scheduler_test.cc (tsan).
#ifndef SLUICE_CORE_TASK_RUNNABLE_H_
#define SLUICE_CORE_TASK_RUNNABLE_H_

#include <algorithm>
#include <cstdint>

#include "core/base/atomic.h"
#include "core/task/node_queue.h"

namespace sluice::core {

class Runnable;
class RunWatcher;

// Where a Runnable goes when it has something to do. Any thread.
class Scheduler {
 public:
  virtual void Schedule(Runnable& runnable) = 0;

  // That of the whole runtime: itself, or the one that it is a part of.
  Scheduler& whole() const { return *whole_; }

  // That of the one task which it schedules, if it is a watched one; else null (run_watcher.h).
  RunWatcher* watcher() const { return watcher_; }

 protected:
  Scheduler() : whole_(this) {}
  explicit Scheduler(Scheduler& whole, RunWatcher* watcher = nullptr)
      : whole_(&whole), watcher_(watcher) {}
  ~Scheduler() = default;

 private:
  Scheduler* const whole_;
  RunWatcher* const watcher_ = nullptr;
};

// How much a task may do without giving way: shared by everything it does in one run.
inline constexpr int kCoopBudget = 128;
// Bytes copied by a system call that count as one unit of it. A whole budget is 512 KiB: a large
// buffer is received and, while it is in the cache, sent.
inline constexpr int32_t kBytesPerUnit = 4096;
// A run that copied more than 128 KiB, or used up its budget, makes a task heavy: see worker.h.
inline constexpr int32_t kHeavyUnits = (128 << 10) / kBytesPerUnit;

class Runnable {
 public:
  // Begins QUEUED with `first`: the caller puts it on a run queue.
  Runnable(Scheduler& scheduler, Node& first) : pending_(&first), scheduler_(&scheduler) {}
  // The same; its scheduler is told later.
  explicit Runnable(Node& first) : pending_(&first) {}
  Runnable(const Runnable&) = delete;
  Runnable& operator=(const Runnable&) = delete;

  enum class Outcome : uint8_t {
    kIdle,     // waits for a Post; may already run elsewhere: do not touch it
    kDone,     // finished and gone: do not touch it
    kYield,    // used up its budget: put it at the end of the heavy queue
    kGiveWay,  // asked for it: put it at the end of a run queue
  };

  // Any thread. Hands over `node`; the task runs soon.
  void Post(Node& node);

  // The worker that took it from a run queue. Tells how many units of kBytesPerUnit it has copied.
  Outcome Run(int32_t& copied);
  Outcome Run() {
    int32_t copied = 0;
    return Run(copied);
  }
  // The same, of a task that is watched.
  Outcome RunWatched(RunWatcher& watcher, int32_t& copied);

  // Whether its last run was a large one. For the thread that puts it on a run queue.
  bool heavy() const { return heavy_; }

  // Inside the task: whether it may do one more thing at once. False: post yourself and suspend.
  bool ConsumeBudget() {
    if (budget_ == 0) return false;
    --budget_;
    return true;
  }

  // Inside the task, which has posted itself something and suspends: the others run first. What
  // else the task does at once before it suspends, and what has been ready since before, has the
  // rest of the budget.
  void GiveWay() { gives_way_ = true; }

  // Inside the task: so many bytes have been copied at once. Large copies use up the budget too, or
  // a few bulk streams would keep all other tasks waiting for milliseconds.
  void ConsumeBudgetForBytes(int32_t bytes) {
    const int32_t units = std::min(budget_, bytes / kBytesPerUnit);
    budget_ -= units;
    copied_ = static_cast<int16_t>(copied_ + units);
  }

  Scheduler& scheduler() const { return *scheduler_; }

  // Link of the run queue that the task is in.
  Runnable* queue_next = nullptr;

 protected:
  ~Runnable() = default;

  // Before it is put on a run queue for the first time.
  void set_scheduler(Scheduler& scheduler) { scheduler_ = &scheduler; }

  // The last thing the task's code does: Run then calls Finish and touches the task no more.
  void MarkDone() { done_ = true; }
  bool done() const { return done_; }

 private:
  friend class Successor;

  // Of a task that has a coroutine as its body (Task::StartAsBody): that has ended.
  virtual void BodyEnded() {}

  // Hands the result on and lets go of the memory.
  virtual void Finish() = 0;

  bool TakeInbox();
  template <typename Watcher>
  Outcome RunAs(Watcher watcher, int32_t& copied);

  static Node* IdleMark();

  Atomic<Node*> inbox_{nullptr};  // any thread
  Node* pending_;                 // taken from the inbox, oldest first; the running worker's
  Scheduler* scheduler_ = nullptr;
  int32_t budget_ = kCoopBudget;
  int16_t copied_ = 0;  // units of this run, at most kCoopBudget
  bool done_ : 1 = false;
  bool gives_way_ : 1 = false;
  bool heavy_ = false;  // written by the running worker before the task can be scheduled again
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_RUNNABLE_H_
