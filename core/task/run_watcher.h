// RunWatcher: is told what a task does, run by run. A runtime that watches its tasks gives one to
// each of them (core/runtime/task_record.h); the others have none and pay one branch for each run.
//
// It is found through the task's scheduler, which is the watcher's own while the task is watched:
// so a task has no word for it. Of one task all calls come one after the other, each seen by the
// next, because a task runs on one worker at a time and what wakes it comes between two runs.
//
// Threads: those of the task; Any and Current: any.
// Checked by: tests/core/runtime/task_list_test.cc.
#ifndef SLUICE_CORE_TASK_RUN_WATCHER_H_
#define SLUICE_CORE_TASK_RUN_WATCHER_H_

#include <atomic>
#include <cstdint>

namespace sluice::core {

class Scheduler;

class RunWatcher {
 public:
  // Whether any runtime of the process watches its tasks: a switch for what costs something. It is
  // no Atomic of ours: it orders nothing, and for the model checker it would be a step.
  static bool Any() { return any_.load(std::memory_order_relaxed) != 0; }
  // While a runtime does.
  static void AddOne() { any_.fetch_add(1, std::memory_order_relaxed); }
  static void RemoveOne() { any_.fetch_sub(1, std::memory_order_relaxed); }

  // Of the task that the calling thread runs; null: it runs none, or one that is not watched. Out
  // of line, so that no caller keeps the address of a thread_local across a suspension.
  static RunWatcher* Current();
  // Returns the one before.
  static RunWatcher* SetCurrent(RunWatcher* watcher);

  // A number that no other task of the process has had. 0: the task has ended.
  virtual uint64_t id() const = 0;

  virtual void RunBegins() = 0;
  // It is about to wait. Before it is known to be idle, because then it may run elsewhere at once.
  virtual void Suspends() = 0;
  // Something has come after all: it runs on.
  virtual void GoesOn() = 0;
  // It has more to do, and others run first.
  virtual void GivesWay() = 0;
  // Its code has ended.
  virtual void Ends() = 0;
  // It is watched no more: the last call.
  virtual void Release() = 0;

  // That of the task if it were not watched.
  virtual Scheduler& behind() const = 0;

 protected:
  ~RunWatcher() = default;

 private:
  static inline constinit std::atomic<uint32_t> any_{0};
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_RUN_WATCHER_H_
