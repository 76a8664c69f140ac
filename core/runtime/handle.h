// RuntimeHandle: a runtime as its users see it; Runtime::Handle is another name for it.
//
// One word, copied freely, valid as long as the runtime. Objects that spawn tasks hold one, and
// statistics are read through it. Threads: any.
#ifndef SLUICE_CORE_RUNTIME_HANDLE_H_
#define SLUICE_CORE_RUNTIME_HANDLE_H_

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <type_traits>

#include "core/base/check.h"
#include "core/reactor/reactor.h"
#include "core/runtime/task_label.h"
#include "core/sched/shared.h"
#include "core/sched/worker.h"
#include "core/sched/worker_counters.h"
#include "core/task/co_invoke.h"
#include "core/task/task.h"

namespace sluice::core {

template <typename T>
class JoinHandle;

namespace internal {

// Not to be kept across a co_await.
inline Worker& CurrentWorker() {
  Worker* const worker = Worker::Current();
  SLUICE_CHECK_USE(worker != nullptr,
                   "this thread runs no task; keep a Runtime::Handle and spawn on that");
  return *worker;
}

}  // namespace internal

class RuntimeHandle {
 public:
  // A Runtime makes its own; simulations, which step workers themselves, make one of what these
  // share.
  explicit RuntimeHandle(Shared& shared) : shared_(&shared) {}

  // Inside a task: of the runtime that runs it.
  static RuntimeHandle Current() { return RuntimeHandle(internal::CurrentWorker().shared()); }

  // As the functions in spawn.h, which is to be included; from any thread.
  template <typename T>
  JoinHandle<T> Spawn(Task<T> task,
                      const TaskLabel& label = {"", std::source_location::current()}) const;
  template <typename F, typename... Args>
    requires internal::MakesTask<std::decay_t<F>, std::decay_t<Args>...>
  auto Spawn(F&& function, Args&&... args) const;
  // On this worker and on no other: see spawn_local.h, which is to be included.
  template <typename F, typename... Args>
    requires internal::MakesTask<std::decay_t<F>, std::decay_t<Args>...>
  auto SpawnPinned(uint32_t worker, F&& function, Args&&... args) const;

  uint32_t workers() const { return static_cast<uint32_t>(shared_->workers().size()); }
  Worker& worker(uint32_t index) const { return *shared_->workers()[index]; }

  // Counted by the worker, read with relaxed loads.
  const WorkerCounters& worker_counters(uint32_t worker) const {
    return this->worker(worker).counters();
  }
  const ReactorCounters& reactor_counters(uint32_t worker) const {
    return this->worker(worker).reactor().counters();
  }
  // Spawned tasks that have not ended.
  size_t live_tasks() const { return shared_->live_tasks(); }

  // Where RunBlocking makes its calls.
  BlockingPool& blocking_pool() const {
    SLUICE_CHECK_USE(shared_->blocking_pool() != nullptr, "blocking calls need a Runtime");
    return *shared_->blocking_pool();
  }

  // For what spawns: see spawn.h.
  Shared& shared() const { return *shared_; }

 private:
  Shared* shared_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_HANDLE_H_
