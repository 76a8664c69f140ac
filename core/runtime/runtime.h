// Runtime: the workers and their threads.
//
//             UseReactors
//                ▼  │
//   MADE ──► Start ─┴ error: its threads have ended ──► MADE
//              │
//              ▼ every worker has its thread and its reactor
//           STARTED ── Run: `main` is the first task ──► ENDED, when that has ended
//
// Start makes the calling thread worker 0 and starts a thread for each other worker; nothing runs
// before all of them have what they need, so a start that fails may be followed by another, with
// other reactors. Run returns when `main` has ended: every other task must have been joined by
// then, and every reactor is empty (both checked).
#ifndef SLUICE_CORE_RUNTIME_RUNTIME_H_
#define SLUICE_CORE_RUNTIME_RUNTIME_H_

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "core/base/clock.h"
#include "core/reactor/reactor.h"
#include "core/runtime/blocking_pool.h"
#include "core/runtime/handle.h"
#include "core/sched/shared.h"
#include "core/sched/worker.h"
#include "core/task/task.h"

namespace sluice::core {

struct RuntimeOptions {
  uint32_t workers = 1;
  bool pin_workers = false;  // worker i to the i-th CPU that the process may run on
  WorkerOptions worker;
  BlockingOptions blocking = {};
  // Is told the exceptions of tasks whose outcome nothing has asked for; empty: they are written to
  // stderr. Any worker.
  Shared::LostException lost_exception = {};
};

class Runtime {
 public:
  Runtime(const RuntimeOptions& options, const Clock& clock, ReactorFactory make_reactor);
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  ~Runtime();

  // Before Start, or after one that has failed.
  void UseReactors(ReactorFactory make_reactor);

  // An error when a worker cannot have its thread, buffers or reactor: it names the first of them,
  // and nothing has run.
  absl::Status Start();

  // Starts, unless Start has been called. An error is Start's. Once.
  absl::Status Run(Task<void> main);

  // What tasks and their owners hold of it.
  using Handle = RuntimeHandle;
  Handle handle() { return Handle(shared_); }

 private:
  struct Launch;

  absl::Status StartThreads();
  void RunThread(uint32_t index);
  absl::Status StartWorker(uint32_t index);
  void PinToCpu(uint32_t index) const;
  void EndThreads();
  void CheckNothingLeft();

  Worker& worker(uint32_t index) { return *shared_.workers()[index]; }

  const RuntimeOptions options_;
  ReactorFactory make_reactor_;
  Shared shared_;
  BlockingPool blocking_pool_;
  std::vector<int> cpus_;           // that the process may use
  std::unique_ptr<Launch> launch_;  // while there are threads
  std::vector<std::thread> threads_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_RUNTIME_H_
