// WorkerCounters: what a worker has done so far. Counted by the worker, read by any thread.
#ifndef SLUICE_CORE_SCHED_WORKER_COUNTERS_H_
#define SLUICE_CORE_SCHED_WORKER_COUNTERS_H_

#include <cstdint>

#include "core/base/atomic.h"

namespace sluice::core {

struct WorkerCounters {
  Atomic<uint64_t> tasks{0};     // runs of a task
  Atomic<uint64_t> lifo{0};      // of these, from the LIFO slot
  Atomic<uint64_t> steals{0};    // times it found something at another worker
  Atomic<uint64_t> stolen{0};    // tasks taken then
  Atomic<uint64_t> parks{0};     // times it waited in the kernel
  Atomic<uint64_t> wakes{0};     // times it woke another worker
  Atomic<uint64_t> overflow{0};  // tasks handed to the inject queue
  // Runs that used up their budget: what a long loop over things that are ready does.
  Atomic<uint64_t> budget_yields{0};
  // Waits that came right after another one: it was woken, and found nothing to run.
  Atomic<uint64_t> idle_wakes{0};
  // How long it waited in the kernel: it was busy for the rest of the time.
  Atomic<uint64_t> waited_ns{0};
  Atomic<uint64_t> queued{0};    // at its last look at the reactor: tasks that are ready
  Atomic<uint64_t> buffers{0};   // now: out of the pools (received data, or stocked by the reactor)
  Atomic<int64_t> in_flight{0};  // now: Reactor::in_flight
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SCHED_WORKER_COUNTERS_H_
