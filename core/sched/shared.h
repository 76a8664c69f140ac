// Shared: what all workers of a runtime share. Users of a runtime hold a RuntimeHandle instead
// (core/runtime/handle.h).
//
// Threads: any, unless a method says otherwise; the workers are constant while they run.
#ifndef SLUICE_CORE_SCHED_SHARED_H_
#define SLUICE_CORE_SCHED_SHARED_H_

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/base/atomic.h"
#include "core/base/clock.h"
#include "core/sched/idle_set.h"
#include "core/sched/inject_queue.h"
#include "core/sched/worker_options.h"
#include "core/task/frame_cache.h"
#include "core/task/runnable.h"

namespace sluice::core {

class BlockingPool;
class LocalQueue;
class TaskRegistry;
class TaskWatch;
class Worker;

class Shared final : public Scheduler {
 public:
  // Without workers: they are added before any of them runs, `workers` at most.
  explicit Shared(uint32_t workers);
  ~Shared();

  Worker& AddWorker(const Clock& clock, const WorkerOptions& options);
  std::span<const std::unique_ptr<Worker>> workers() const { return workers_; }

  // To the current worker's queue if it is one of ours, else to the inject queue.
  void Schedule(Runnable& runnable) override;

  // Wakes a sleeping worker unless another one searches already.
  void NotifyOne();

  void WakeAll();

  // The workers return from Run when nothing is left to do.
  void Stop() { StopAs(kStop); }
  // The same, but only when the last task has ended. A worker finds out before it sleeps, behind
  // the fence of IdleSet::BeginPark: of two that end the last tasks at once each may miss the
  // other's count before it, not behind it. What runs the workers wakes the others then.
  void StopWhenDone() { StopAs(kStopWhenDone); }
  bool stopping() const {
    const uint8_t stop = stop_.load(std::memory_order_acquire);
    return stop != kGoOn && (stop == kStop || live_tasks() == 0);
  }

  // Spawned tasks that have not ended. What a task did is seen after it has been counted down. Each
  // worker counts what begins and what ends there: a counter of all would be one line of memory
  // that every spawn and every end fights for.
  void NoteTaskBegin();
  void NoteTaskBegin(Worker* current);  // that the calling thread is, or null
  void NoteTaskEnd();
  size_t live_tasks() const;

  // Is told the exceptions of tasks whose outcome nothing has asked for. Before tasks are spawned.
  using LostException = std::function<void(std::exception_ptr)>;
  void set_lost_exception(LostException lost) { lost_exception_ = std::move(lost); }
  void LoseException(std::exception_ptr exception);

  // Of the runtime; null where there is none (models, simulations).
  BlockingPool* blocking_pool() const { return blocking_pool_; }
  void set_blocking_pool(BlockingPool* pool) { blocking_pool_ = pool; }

  // Of the runtime, if it lists its tasks; else null. Before tasks are spawned.
  TaskRegistry* registry() const { return registry_; }
  void set_registry(TaskRegistry* registry) { registry_ = registry; }

  // Of the runtime, if it watches its tasks; else null. Before tasks are spawned.
  TaskWatch* watch() const { return watch_; }
  void set_watch(TaskWatch* watch) { watch_ = watch; }

  // Of the runtime, for tasks that never leave a worker, one for each; empty where there is none.
  std::span<const std::unique_ptr<LocalQueue>> local_queues() const { return local_queues_; }
  void set_local_queues(std::span<const std::unique_ptr<LocalQueue>> queues) {
    local_queues_ = queues;
  }

  // For what runs tasks without workers (models; those that do not begin): the oldest task in the
  // inject queue, or null.
  Runnable* PopInjected() { return inject_.Pop(); }

 private:
  friend class Worker;
  static constexpr uint8_t kGoOn = 0;
  static constexpr uint8_t kStop = 1;
  static constexpr uint8_t kStopWhenDone = 2;

  void StopAs(uint8_t stop) {
    stop_.store(stop, std::memory_order_release);
    WakeAll();
  }

  FrameDepot frame_depot_;  // outlives the workers, whose caches it serves
  InjectQueue inject_;
  IdleSet idle_;
  std::vector<std::unique_ptr<Worker>> workers_;
  BlockingPool* blocking_pool_ = nullptr;
  TaskRegistry* registry_ = nullptr;
  TaskWatch* watch_ = nullptr;
  std::span<const std::unique_ptr<LocalQueue>> local_queues_;
  LostException lost_exception_;  // empty: they are written to stderr
  Atomic<uint8_t> stop_{kGoOn};
  Atomic<size_t> outside_begun_{0};  // as in Worker: by threads that are no workers
  Atomic<size_t> outside_ended_{0};
  // Workers that look every kOverdue whether a backlog has become overdue: none need be woken for
  // it. Ordered by the fences of IdleSet::BeginPark, and Worker's WakeForBacklog and PassOnSearch.
  Atomic<uint32_t> watchers_{0};
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SCHED_SHARED_H_
