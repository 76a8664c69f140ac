// WorkerOptions: what each worker of a runtime has, and how it behaves.
#ifndef SLUICE_CORE_SCHED_WORKER_OPTIONS_H_
#define SLUICE_CORE_SCHED_WORKER_OPTIONS_H_

#include <cstddef>
#include <cstdint>

#include "core/base/time.h"
#include "core/reactor/buffer_pool.h"
#include "core/sched/thread_heap.h"

namespace sluice::core {

// Which queued tasks an idle worker takes from a busy one. Tasks that have run are taken when they
// are overdue: see worker.h.
//
//   kEager     one that has never run is taken at once. A sleeping worker is woken when a task
//              spawns a second one before it gives way (the first is what its worker runs next),
//              and when two wait. For computations: what is spawned side by side runs side by side.
//   kOverdue   new tasks are no exception. For many short tasks that do I/O: work stays where it
//              is, and no worker is woken for less than a backlog.
//
// A task that spawns a single other and goes on computing shares nothing: it spawns both halves, or
// gives way (Yield).
enum class StealPolicy : uint8_t { kEager, kOverdue };

struct WorkerOptions {
  size_t buffers = 1024;
  size_t buffer_size = 16384;  // bytes
  size_t large_buffers = 0;    // for streams that fill theirs
  size_t large_buffer_size = 0;
  // Frames of coroutines that have ended, which are kept for those that begin next: so many of each
  // size, by all workers together, and up to 128 by each of them. They stay until a heap is trimmed
  // (make_heap), or the runtime ends.
  uint32_t spare_frames = 8192;
  BufferReserve* reserve = nullptr;  // of all workers; outlives them; or null
  Duration busy_poll{0};             // turn the reactor for so long before sleeping
  bool stealing = true;  // take queued tasks from other workers when there is nothing to do
  StealPolicy steal_policy = StealPolicy::kEager;
  uint64_t seed = 1;              // of the choice of victims
  uint64_t shuffle_seed = 0;      // not 0: for tests, what is ready runs by chance (shuffle.h)
  ThreadHeapFactory make_heap{};  // or null: nothing is trimmed but the buffers
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SCHED_WORKER_OPTIONS_H_
