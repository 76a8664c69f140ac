// TaskWatch: the records of a runtime's tasks, and how long their runs take.
// Internal: see task_list.h. A runtime has one if RuntimeOptions::watch.tasks is set.
//
//   slabs_ ──► slab of 64 records ──► slab ──► …        a reader walks all of them without a lock
//   free_  ──► record ──► record ──► …                  a task that begins takes one, by a lock
//
// Slabs are made as they are needed and go when the runtime does: a reader may look at a record at
// any time, and LifeWords tell it what lives there. Since a record goes back to the one list of all
// workers, there are as many as there were tasks at a time, and fewer than 64 more.
//
// Threads: Begin, Free, NotePoll: those of the tasks; the others any.
// Checked by: tests/core/runtime/task_list_test.cc (tsan), tests/core/runtime/task_watch_test.cc.
#ifndef SLUICE_CORE_RUNTIME_TASK_WATCH_H_
#define SLUICE_CORE_RUNTIME_TASK_WATCH_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "core/base/atomic.h"
#include "core/base/clock.h"
#include "core/base/time.h"
#include "core/runtime/task_label.h"
#include "core/runtime/task_list.h"
#include "core/runtime/task_record.h"
#include "core/runtime/watch_options.h"
#include "core/sched/shared.h"

namespace sluice::core {

class TaskWatch {
 public:
  TaskWatch(const WatchOptions& options, Shared& shared, uint32_t workers, const Clock& clock);
  TaskWatch(const TaskWatch&) = delete;
  TaskWatch& operator=(const TaskWatch&) = delete;
  ~TaskWatch();

  // `task` has been launched and is in no run queue. If there is no memory it is not watched.
  void Begin(RootBase& task, const TaskLabel& label);
  void Free(TaskRecord& record);
  // By the worker of that number, about its own run.
  void NotePoll(const TaskRecord& record, Duration took, uint32_t worker);

  // Of a task whose code ended at `ended`: what it was given has been destroyed.
  void NoteEnd(const TaskRecord& record, Duration ended);

  Instant Now() const { return clock_.Now(); }
  const WatchOptions& options() const { return options_; }

  // What ListTasks is made of.
  void ForEach(absl::FunctionRef<void(const TaskRecord&)> see) const;
  // Those of the tasks that `names` has as keys; "" for what has ended.
  void NameTasks(std::map<uint64_t, std::string>& names) const;
  PollTimes poll_times() const;
  uint64_t slow_polls() const { return slow_polls_.load(std::memory_order_relaxed); }
  uint64_t unwatched() const { return unwatched_.load(std::memory_order_relaxed); }
  Instant began_at() const { return began_at_; }

 private:
  static constexpr size_t kSlab = 64;
  static constexpr Duration kSlowInterval = 1s;

  struct Slab;
  struct alignas(64) WorkerTimes {  // written by the worker
    std::array<Atomic<uint64_t>, PollTimes::kBuckets> counts{};
  };
  TaskRecord* Take();
  void TellSlow(const TaskRecord& record, Duration took);

  const WatchOptions options_;
  Shared& shared_;
  const Clock& clock_;
  const Instant began_at_;
  absl::Mutex mutex_;
  TaskRecord* free_ ABSL_GUARDED_BY(mutex_) = nullptr;
  uint32_t records_ ABSL_GUARDED_BY(mutex_) = 0;
  Atomic<Slab*> slabs_{nullptr};  // written under the lock
  std::vector<WorkerTimes> times_;
  Atomic<uint64_t> unwatched_{0};
  Atomic<uint64_t> slow_polls_{0};
  Atomic<uint64_t> slow_untold_{0};  // of these, since the last one that was told
  Atomic<int64_t> slow_told_at_{0};  // ns of the clock; 0: never
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_TASK_WATCH_H_
