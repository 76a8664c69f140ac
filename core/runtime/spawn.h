// Spawn: makes a coroutine a task of its own.
//
//     JoinHandle<int> handle = Spawn(Count(words));                 // inside a task
//     JoinHandle<int> handle = runtime.handle().Spawn(Count(words));   // from any thread
//
// The coroutine is a Root<T>, or a Task<T>, which gets a control block beside it (root.h). Any
// thread; the task starts soon, and what one task spawns starts in order.
#ifndef SLUICE_CORE_RUNTIME_SPAWN_H_
#define SLUICE_CORE_RUNTIME_SPAWN_H_

#include <source_location>
#include <type_traits>
#include <utility>

#include "core/runtime/handle.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/root.h"
#include "core/runtime/task_cell.h"
#include "core/runtime/task_label.h"
#include "core/sched/shared.h"
#include "core/sched/worker.h"
#include "core/task/co_invoke.h"
#include "core/task/task.h"

namespace sluice::core {

namespace internal {

// A callable comes without the line that spawns it. The name of this function has that of its type
// in it, which says where a lambda was written (task_record.cc takes it out).
template <typename F>
TaskLabel LabelOf() {
  return {"", std::source_location::current()};
}

// The references to it are two: the task's own, and one of the caller's.
inline void Launch(RuntimeHandle runtime, Worker* worker, RootBase& task, const TaskLabel& label) {
  Shared& shared = runtime.shared();
  Worker* current = Worker::Current();
  task.Launch(shared, current);
  if (shared.watch() != nullptr) [[unlikely]]
    WatchTask(*shared.watch(), task, label);
  if (worker != nullptr) {
    worker->ScheduleHere(task);
  } else if (current != nullptr && &current->shared() == &shared) {
    current->ScheduleNew(task);
  } else {
    shared.Schedule(task);
  }
}

}  // namespace internal

// `worker`: where it starts (it may be stolen later), or null: on the calling thread's worker if
// that is one of the runtime's, else on whichever is free. `observer` outlives the task.
template <typename T>
JoinHandle<T> SpawnOn(RuntimeHandle runtime, Worker* worker, Root<T> task,
                      TaskEndObserver* observer = nullptr,
                      const TaskLabel& label = {"", std::source_location::current()}) {
  RootPromise<T>* root = task.Release();
  root->set_end_observer(observer);
  internal::Launch(runtime, worker, *root, label);
  return JoinHandle<T>(root);
}
template <typename T>
JoinHandle<T> SpawnOn(RuntimeHandle runtime, Worker* worker, Task<T> task,
                      TaskEndObserver* observer = nullptr,
                      const TaskLabel& label = {"", std::source_location::current()}) {
  Joinable<T>* cell = nullptr;
  if (observer == nullptr) {
    cell = new TaskCell<T>(std::move(task));
  } else {
    cell = new TaskCell<T, OtherEndObserver>(std::move(task), *observer);
  }
  internal::Launch(runtime, worker, *cell, label);
  return JoinHandle<T>(cell);
}

template <typename T>
JoinHandle<T> RuntimeHandle::Spawn(Task<T> task, const TaskLabel& label) const {
  return SpawnOn(*this, nullptr, std::move(task), nullptr, label);
}

// Inside a task: in its runtime.
template <typename T>
JoinHandle<T> Spawn(Task<T> task, const TaskLabel& label = {"", std::source_location::current()}) {
  Worker& current = internal::CurrentWorker();
  Shared& shared = current.shared();
  auto* const cell = new TaskCell<T>(std::move(task));
  cell->Launch(shared, &current);
  if (shared.watch() != nullptr) [[unlikely]]
    internal::WatchTask(*shared.watch(), *cell, label);
  current.ScheduleNew(*cell);
  return JoinHandle<T>(cell);
}

// `Spawn([state](int n) -> Task<void> { ... }, 5)`: moves or copies the callable and its arguments
// into the task and calls it there with references to them (core/task/co_invoke.h). Among the tasks
// of a runtime (task_list.h) such a task is known by the function that the callable was written in.
template <typename F, typename... Args>
  requires internal::MakesTask<std::decay_t<F>, std::decay_t<Args>...>
auto RuntimeHandle::Spawn(F&& function, Args&&... args) const {
  return Spawn(CoInvoke(std::forward<F>(function), std::forward<Args>(args)...),
               internal::LabelOf<F>());
}
template <typename F, typename... Args>
  requires internal::MakesTask<std::decay_t<F>, std::decay_t<Args>...>
auto Spawn(F&& function, Args&&... args) {
  return RuntimeHandle::Current().Spawn(std::forward<F>(function), std::forward<Args>(args)...);
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_SPAWN_H_
