// SpawnLocal: tasks that never leave their worker, for what no other thread may touch.
//
//     JoinHandle<int> handle = SpawnLocal([](int times) -> Task<int> {
//       Document document;                        // not thread-safe: a cache, a script, counts
//       JoinHandle<void> editor = SpawnLocal(Edit(document));     // on the same worker
//       ...
//     }, 3);
//     JoinHandle<int> handle = runtime.handle().SpawnPinned(1, fn, args...);  // from any thread
//
// A local task runs on one worker from its first line to its last, and is not stolen; the local
// tasks that it spawns share that worker. So they never run at the same time, and what they share
// needs no lock, no atomic and no thread-safe reference count. Between two co_awaits nothing else
// of that worker runs; across one, other local tasks may. Channels, locks and handles lead to tasks
// elsewhere. A busy worker keeps its local tasks waiting while others idle: where it does not
// matter which thread runs a task, use Spawn.
//
// The callable and its arguments are moved or copied into the task; with SpawnPinned the worker
// calls it. All of it is destroyed there, when the task ends; a task that was aborted before it
// began begins for that only. What it returns goes where the handle goes.
//
// Tokio has a LocalSet for this, which a task drives; here each worker has one (local_queue.h), so
// that there is nothing to drive and nothing to wait for but the handles.
//
// Errors: those of Spawn. SpawnPinned is for a runtime that has been started, and for one of its
// workers (checked). Threads: SpawnLocal inside a task; SpawnPinned any.
// Checked by: tests/core/runtime/spawn_local_test.cc (both backends; tsan).
#ifndef SLUICE_CORE_RUNTIME_SPAWN_LOCAL_H_
#define SLUICE_CORE_RUNTIME_SPAWN_LOCAL_H_

#include <cstdint>
#include <source_location>
#include <type_traits>
#include <utility>

#include "core/base/check.h"
#include "core/runtime/handle.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/local_queue.h"
#include "core/runtime/root.h"
#include "core/runtime/spawn.h"
#include "core/runtime/task_label.h"
#include "core/sched/worker.h"
#include "core/task/co_invoke.h"
#include "core/task/outcome.h"
#include "core/task/task.h"

namespace sluice::core {

namespace internal {

// The task's frame goes when it has ended: the root's goes with its handle, on any thread.
template <typename T>
Root<T> MakeLocalRoot(Task<T> task) {
  Task<T> own = std::move(task);
  const Context context = co_await CurrentContext();
  if (context.scope->cancelled()) throw Cancelled();
  co_return co_await std::move(own);
}

template <typename T>
JoinHandle<T> SpawnLocalOn(RuntimeHandle runtime, uint32_t worker, Task<T> task,
                           const TaskLabel& label) {
  Shared& shared = runtime.shared();
  SLUICE_CHECK_USE(!shared.local_queues().empty(),
                   "the runtime has not been started: call Start or StartInBackground first");
  SLUICE_CHECK_USE(worker < shared.local_queues().size(),
                   "there is no such worker: take one below Runtime::Handle::workers()");
  LocalQueue& queue = *shared.local_queues()[worker];
  RootPromise<T>* root = MakeLocalRoot(std::move(task)).Release();
  root->LaunchLocal(queue, shared);
  if (shared.watch() != nullptr) [[unlikely]]
    WatchTask(*shared.watch(), *root, label);
  JoinHandle<T> handle(root);
  queue.Schedule(*root);
  return handle;
}

}  // namespace internal

// Inside a task: on the worker that runs it now.
template <typename T>
JoinHandle<T> SpawnLocal(Task<T> task,
                         const TaskLabel& label = {"", std::source_location::current()}) {
  const RuntimeHandle runtime = RuntimeHandle::Current();
  return internal::SpawnLocalOn(runtime, Worker::Current()->index(), std::move(task), label);
}
template <typename F, typename... Args>
  requires internal::MakesTask<std::decay_t<F>, std::decay_t<Args>...>
auto SpawnLocal(F&& function, Args&&... args) {
  return SpawnLocal(CoInvoke(std::forward<F>(function), std::forward<Args>(args)...),
                    internal::LabelOf<F>());
}

template <typename F, typename... Args>
  requires internal::MakesTask<std::decay_t<F>, std::decay_t<Args>...>
auto RuntimeHandle::SpawnPinned(uint32_t worker, F&& function, Args&&... args) const {
  return internal::SpawnLocalOn(*this, worker,
                                CoInvoke(std::forward<F>(function), std::forward<Args>(args)...),
                                internal::LabelOf<F>());
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_SPAWN_LOCAL_H_
