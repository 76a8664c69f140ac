// Runtime: the workers, their threads, and everything that tasks run on.
//
//     Runtime runtime({.workers = 2});                  // which backend: options.h
//     int answer = runtime.BlockOn(Compute());          // as often as one likes
//
//     Runtime runtime({.workers = 2});                  // one that runs beside the program
//     if (absl::Status status = runtime.StartInBackground(); !status.ok()) return Fail(status);
//     JoinHandle<int> handle = runtime.handle().Spawn(Serve());      // from any thread
//     ...
//     bool all_ended = runtime.Shutdown(10s);           // cancels what is left, waits for it
//
// A main with signals and an exit code is core/io/run_main.h.
//
//            Start, or the first BlockOn            BlockOn
//   CREATED ─────────────────────────────► IDLE ───────────────► RUNNING
//      │                                    │ ▲                     │ its task has ended
//      │ StartInBackground                  │ └─────────────────────┘
//      ▼                                    │
//   BACKGROUND: BlockOn waits, and changes  │
//      │        nothing                     │
//      └────────── Shutdown, ~Runtime ──────┴────► STOPPING ── no task is left ──► STOPPED
//
// In the foreground the thread that has started the runtime is worker 0, and the other workers have
// threads of their own. In IDLE no worker runs anything: tasks, timers and sockets stand still, and
// go on with the next BlockOn; a timer that has become due meanwhile fires then. BlockOn returns
// when its task has ended and each other worker has come to the end of the run it is in. To let the
// others go and to hold them costs some wake-ups of threads each time.
//
// In the background every worker has a thread of its own and runs until Shutdown. BlockOn has the
// calling thread sleep until its task has ended; several threads may do that at once. After
// Shutdown its task does not begin, and it throws Cancelled.
//
// In STOPPING every task is cancelled, as by JoinHandle::Abort, and runs on to its end; tasks that
// are spawned meanwhile do not begin. A destructor waits for that without a limit.
//
// Run is for a program that is one task and knows of all others: CREATED or IDLE ──► RUNNING ──►
// STOPPED. Nothing is cancelled: when its task ends all others must have ended (checked).
//
// Errors: what cannot be had (io_uring, threads, memory) is Start's status; a start that fails
// undoes what it did, has run nothing, and may be repeated. Misuse ends the process: BlockOn and
// Shutdown inside a task, or in the foreground on another thread, and BlockOn after its Shutdown.
// Threads: handle() any; in the background BlockOn any and Shutdown one; else the one that starts
// it.
// Checked by: tests/core/runtime/block_on_test.cc, tests/core/runtime/runtime_test.cc,
// tests/core/sched/scheduler_test.cc.
#ifndef SLUICE_CORE_RUNTIME_RUNTIME_H_
#define SLUICE_CORE_RUNTIME_RUNTIME_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "core/base/clock.h"
#include "core/base/time.h"
#include "core/reactor/reactor.h"
#include "core/runtime/backend.h"
#include "core/runtime/blocking_pool.h"
#include "core/runtime/handle.h"
#include "core/runtime/local_queue.h"
#include "core/runtime/options.h"
#include "core/runtime/spawn.h"
#include "core/runtime/standstill.h"
#include "core/runtime/task_registry.h"
#include "core/runtime/worker_threads.h"
#include "core/sched/shared.h"
#include "core/sched/worker.h"
#include "core/task/awaitable.h"
#include "core/task/outcome.h"
#include "core/task/outcome_of.h"
#include "core/task/task.h"

namespace sluice::core {

class Runtime {
 public:
  // Its reactors are those of options.backend; its time is that of the machine, or of `clock`.
  explicit Runtime(const RuntimeOptions& options = {});
  Runtime(const RuntimeOptions& options, const Clock& clock);
  // The same with a backend that has been chosen for options.backend already.
  Runtime(const RuntimeOptions& options, const Clock& clock, ChosenBackend backend);
  // With reactors of another kind.
  Runtime(const RuntimeOptions& options, const Clock& clock, ReactorFactory make_reactor);
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  ~Runtime();

  // Makes the calling thread worker 0. An error when a worker cannot have its thread, buffers or
  // reactor: it names the first of them, and nothing has run.
  absl::Status Start();
  // Gives every worker a thread. The same errors.
  absl::Status StartInBackground();

  // `T value = runtime.BlockOn(task);` Runs `awaitable` to its end and brings what co_await would
  // bring; throws what that would throw. Starts the runtime if it has not been started, and throws
  // a std::runtime_error if that fails.
  template <Awaitable A>
  auto BlockOn(A&& awaitable) -> internal::OutcomeType<A>;

  // Cancels all tasks and waits for their ends. Returns false if some are left when `patience` is
  // over, which is real time: then they run on, or stand still in the foreground, and it may be
  // called again. None: waits for ever.
  bool Shutdown(std::optional<Duration> patience = std::nullopt);

  // Starts, unless Start has been called. An error is Start's. Once.
  absl::Status Run(Task<void> main);

  // What tasks and their owners hold of it.
  using Handle = RuntimeHandle;
  Handle handle() { return Handle(shared_); }

  // What the workers have been started with; the name is empty for reactors of another kind.
  const ChosenBackend& backend() const { return backend_; }

 private:
  enum class State : uint8_t { kCreated, kIdle, kRunning, kBackground, kStopping, kStopped };

  absl::Status StartThreads(uint32_t first, State then);
  absl::Status StartWithBackend(uint32_t first);
  void BlockOnTask(Task<void> task);
  void RunForeground(Task<void> task);
  void WaitForBackground(Task<void> task);
  void GoOn();
  bool EndForeground(std::optional<Duration> patience);
  void CheckForegroundThread() const;
  void DropUnbegun();
  void CheckNothingInFlight();

  State state() const;
  void set_state(State state);
  Worker& worker(uint32_t index) { return *shared_.workers()[index]; }

  const RuntimeOptions options_;
  const MonotonicClock own_clock_;
  ChosenBackend backend_;             // make_reactor is empty until it has been chosen
  bool may_fall_back_ = true;         // the backend was chosen by options.backend
  std::unique_ptr<TaskWatch> watch_;  // or null; outlives the tasks
  Shared shared_;
  std::optional<TaskRegistry> registry_;
  LocalQueues local_queues_;  // from the start on
  BlockingPool blocking_pool_;
  WorkerThreads threads_;
  std::optional<Standstill> standstill_;  // in the foreground
  std::thread::id starter_;
  mutable absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kCreated;
};

namespace internal {

template <typename A>
Task<void> KeepOutcome(HeldAwaitable<A> awaitable,
                       std::optional<Outcome<OutcomeType<A>>>& outcome) {
  outcome.emplace(co_await OutcomeOf<A>(std::move(awaitable)));
}

}  // namespace internal

template <Awaitable A>
auto Runtime::BlockOn(A&& awaitable) -> internal::OutcomeType<A> {
  std::optional<Outcome<internal::OutcomeType<A>>> outcome;
  BlockOnTask(internal::KeepOutcome<A>(HeldAwaitable<A>(std::forward<A>(awaitable)), outcome));
  if (!outcome.has_value()) throw Cancelled();  // the runtime was about to end
  if constexpr (std::is_void_v<internal::OutcomeType<A>>) {
    outcome->value();
  } else {
    return (*std::move(outcome)).value();
  }
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_RUNTIME_H_
