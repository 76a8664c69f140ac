// WorkerThreads: the threads of a runtime's workers, from their start to their end. Internal.
//
//              Start ┌ error: the threads have ended, all is undone ─► NONE
//       NONE ────────┤
//         ▲          └ every worker has its thread and its reactor ──► READY
//         │                                                             │ Go: Worker::Run
//         └──────────────────────────── End ◄───────────────────────────┴──► GONE
//
// Either each worker has a thread, or the calling thread is worker 0, which the caller runs
// (Worker::RunUntil, Worker::Run) after Go and makes give up (Worker::Abandon) otherwise.
//
// Threads: one at a time. Checked by: tests/core/sched/scheduler_test.cc.
#ifndef SLUICE_CORE_RUNTIME_WORKER_THREADS_H_
#define SLUICE_CORE_RUNTIME_WORKER_THREADS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "core/base/time.h"
#include "core/reactor/reactor.h"
#include "core/sched/shared.h"
#include "core/sched/worker.h"

namespace sluice::core {

// The CPUs that the process may run on, by their numbers.
std::vector<int> CpusOfAffinity();

class WorkerThreads {
 public:
  // `name`: of each thread, with the number of its worker. `pin`: worker i to the i-th CPU that the
  // process may run on.
  WorkerThreads(Shared& shared, std::string name, bool pin);
  WorkerThreads(const WorkerThreads&) = delete;
  WorkerThreads& operator=(const WorkerThreads&) = delete;
  ~WorkerThreads();

  // `first`: the first worker that gets a thread: 0, or 1 when the calling thread is worker 0. The
  // error names the first worker that cannot have its thread, buffers or reactor.
  absl::Status Start(uint32_t first, const ReactorFactory& make_reactor);
  bool gone() const;  // Go has been called
  // `left` is called by each thread when its worker has left its loop for good; or nothing.
  void Go(std::function<void()> left = nullptr);
  // After Go. Returns false if a worker still runs when `patience` is over; none: waits for ever.
  bool WaitUntilEnded(std::optional<Duration> patience);
  // After Go it waits for the workers' ends, which the caller has asked for (Shared::Stop).
  void End();

 private:
  struct Launch;

  absl::Status StartThreads(uint32_t first, const ReactorFactory& make_reactor);
  void RunThread(uint32_t index, const ReactorFactory& make_reactor);
  absl::Status StartWorker(uint32_t index, const ReactorFactory& make_reactor);
  void PinToCpu(uint32_t index) const;
  uint32_t workers() const { return static_cast<uint32_t>(shared_.workers().size()); }
  Worker& worker(uint32_t index) const { return *shared_.workers()[index]; }

  Shared& shared_;
  const std::string name_;
  const bool pin_;
  const std::vector<int> cpus_ = CpusOfAffinity();  // before any thread is pinned
  std::unique_ptr<Launch> launch_;                  // while there are threads
  std::vector<std::thread> threads_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_WORKER_THREADS_H_
