// Runtime: the workers and their threads.
//
// Run makes the calling thread worker 0, starts a thread for each other worker, runs `main` as the
// first task and returns when that has ended: every other task must have been joined by then, and
// every reactor is empty (both checked).
#ifndef SLUICE_CORE_RUNTIME_H_
#define SLUICE_CORE_RUNTIME_H_

#include <cstdint>

#include "absl/status/status.h"
#include "core/clock.h"
#include "core/reactor.h"
#include "core/task.h"
#include "core/worker.h"

namespace sluice::core {

struct RuntimeOptions {
  uint32_t workers = 1;
  bool pin_workers = false;  // worker i to the i-th CPU that the process may run on
  WorkerOptions worker;
};

class Runtime {
 public:
  Runtime(const RuntimeOptions& options, const Clock& clock, ReactorFactory make_reactor);
  ~Runtime();

  // An error when a reactor cannot be made; then nothing has run. Once.
  absl::Status Run(Task<void> main);

  Shared& shared() { return shared_; }
  Worker& worker(uint32_t index) { return *shared_.workers[index]; }

 private:
  absl::Status StartWorker(uint32_t index);
  void CheckNothingLeft();

  const RuntimeOptions options_;
  const ReactorFactory make_reactor_;
  Shared shared_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_H_
