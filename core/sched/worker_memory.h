// WorkerMemory: the buffers, the free frames and the heap of one worker, and when their memory goes
// back to the kernel.
//
// Threads: the worker's own.
// Checked by: tests/core/sched/scheduler_test.cc, tests/e2e (test_memory).
#ifndef SLUICE_CORE_SCHED_WORKER_MEMORY_H_
#define SLUICE_CORE_SCHED_WORKER_MEMORY_H_

#include <cstddef>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "core/base/time.h"
#include "core/reactor/buffer_pool.h"
#include "core/reactor/reactor.h"
#include "core/sched/thread_heap.h"
#include "core/sched/worker_options.h"
#include "core/task/frame_cache.h"

namespace sluice::core {

class WorkerMemory {
 public:
  static constexpr Duration kTrimInterval = 250ms;

  // Reserves the buffers; `wake` wakes the worker when another thread gives back one that it waits
  // for. After an error it may be called again: what is there stays.
  absl::Status ReserveBuffers(const WorkerOptions& options, const std::function<void()>& wake);
  // Null: nothing is trimmed but the buffers.
  void set_heap(std::unique_ptr<ThreadHeap> heap) { heap_ = std::move(heap); }

  FrameCache& frames() { return frames_; }
  BufferPool& pool() { return *pool_; }  // from ReserveBuffers on

  // Buffers that other threads gave back are used again while they are warm, not only when all
  // others are used up.
  void CollectRemote() {
    pool_->CollectRemote();
    if (large_pool_ != nullptr) large_pool_->CollectRemote();
  }

  // Buffers that are out.
  size_t taken() const {
    return pool_->taken() + (large_pool_ == nullptr ? 0 : large_pool_->taken());
  }

  bool TrimPays() const { return BufferTrimPays() || HeapTrimPays(); }

  // At most once per kTrimInterval: a burst's memory goes back to the kernel soon after it is over.
  // Both are asked before every wait, so they are inline.
  void MaybeTrim(Instant now, Reactor& reactor) {
    if (now - trimmed_at_ >= kTrimInterval && TrimPays()) Trim(now, reactor);
  }

 private:
  static constexpr size_t kWarmBuffers = 16;  // not worth giving back
  static constexpr size_t kWarmLargeBuffers = 4;

  bool BufferTrimPays() const {
    return pool_->touched() > kWarmBuffers ||
           (large_pool_ != nullptr && large_pool_->touched() > kWarmLargeBuffers);
  }
  bool HeapTrimPays() const { return heap_ != nullptr && heap_->TrimPays(); }
  void Trim(Instant now, Reactor& reactor);

  FrameCache frames_;
  std::unique_ptr<BufferPool> pool_;
  std::unique_ptr<BufferPool> large_pool_;  // or null
  std::unique_ptr<ThreadHeap> heap_;        // or null
  Instant trimmed_at_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SCHED_WORKER_MEMORY_H_
