// WorkerOptions: what each worker of a runtime has, and how it behaves.
#ifndef SLUICE_CORE_SCHED_WORKER_OPTIONS_H_
#define SLUICE_CORE_SCHED_WORKER_OPTIONS_H_

#include <cstddef>
#include <cstdint>

#include "core/base/time.h"
#include "core/reactor/buffer_pool.h"
#include "core/sched/thread_heap.h"

namespace sluice::core {

struct WorkerOptions {
  size_t buffers = 1024;
  size_t buffer_size = 16384;  // bytes
  size_t large_buffers = 0;    // for streams that fill theirs
  size_t large_buffer_size = 0;
  BufferReserve* reserve = nullptr;  // of all workers; outlives them; or null
  Duration busy_poll{0};             // turn the reactor for so long before sleeping
  bool stealing = true;  // take queued tasks from other workers when there is nothing to do
  uint64_t seed = 1;     // of the choice of victims
  ThreadHeapFactory make_heap{};  // or null: nothing is trimmed but the buffers
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SCHED_WORKER_OPTIONS_H_
