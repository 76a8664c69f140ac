// FrameCache: the frames of coroutines that have ended, for those that begin next; FrameDepot: what
// the caches of a runtime have too many of.
//
// A worker frees a frame about as often as it makes one, of the few sizes that its coroutines have:
// what has just been freed is warm, and taking it from a list is a third of what malloc costs. So
// spawning and awaiting allocate nothing once they have been done before. Two lists for each size
// class, last in, first out (the magazines of Bonwick and Adams, 2001):
//
//   cache of a worker                                        depot of the runtime
//     active ──► free frame ──► …    at most `most`            chain ──► chain ──► …
//     spare  ──► free frame ──► …    none, or `most`             each of `most` frames
//
//   active full:   becomes the spare; a spare that there is goes to the depot, or to malloc when
//                  that has its part. Without a depot `frame` goes to malloc.
//   active empty:  the spare takes its place, or a chain of the depot, or malloc makes a frame
//
// A frame goes to the cache of the thread that frees it, wherever it was made. Where one worker
// makes them and another frees them the depot brings them back, with one lock for `most` of them.
// Frames of more than kLargest bytes are malloc's. A worker has a cache while it runs; a thread
// without one uses malloc, and so do all of them under AddressSanitizer, which is to see a frame
// end. The cache and the depot are emptied when a worker's heap is trimmed (WorkerMemory), because
// a single frame may hold a whole slab of the allocator.
//
// Classes are 8 bytes apart: glibc's sizes are 24, 40, 56 and so on, jemalloc's 16, 32, 48, and no
// frame is larger for it with either.
// Threads: a cache, the one that runs its worker; the depot, any.
// Checked by: tests/core/task/frame_cache_test.cc.
#ifndef SLUICE_CORE_TASK_FRAME_CACHE_H_
#define SLUICE_CORE_TASK_FRAME_CACHE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>

#include "absl/base/thread_annotations.h"
#include "core/base/atomic.h"
#include "core/base/thread_mutex.h"

namespace sluice::core {

// For tests, which look for frames that are left (core/testing/frame_ledger.h): is told of each
// that is made and freed. Any thread.
class FrameWatch {
 public:
  virtual void Made(void* frame, size_t size) = 0;
  virtual void Freed(void* frame) noexcept = 0;

 protected:
  ~FrameWatch() = default;
};

// As a list of free frames sees them.
struct FreeFrame {
  FreeFrame* next;
  FreeFrame* next_chain = nullptr;  // of the first frame of a chain in the depot

  static constexpr size_t kStep = 8;
  static constexpr size_t kLargest = 512;
  static constexpr size_t kClasses = kLargest / kStep + 1;
  static size_t ClassOf(size_t size) { return (size + kStep - 1) / kStep; }
  static size_t SizeOf(size_t size_class) { return size_class * kStep; }
  // Gives a list back to malloc.
  static void FreeAll(FreeFrame* first, size_t size_class) noexcept;
};

class FrameDepot {
 public:
  FrameDepot() = default;
  FrameDepot(const FrameDepot&) = delete;
  FrameDepot& operator=(const FrameDepot&) = delete;
  ~FrameDepot();

  // How many chains of a class it keeps; with 0 no cache is to have it. Before it is used.
  void set_most_chains(uint32_t most) { most_chains_ = most; }
  uint32_t most_chains() const { return most_chains_; }

  // False: it has its part.
  bool Put(FreeFrame& chain, size_t size_class);
  // Or null.
  FreeFrame* Take(size_t size_class);
  // Gives all back to malloc.
  void Clear() noexcept;

 private:
  uint32_t most_chains_ = 0;
  ThreadMutex mutex_;
  FreeFrame* first_[FreeFrame::kClasses] ABSL_GUARDED_BY(mutex_) = {};
  // How many chains each class has. Written under the lock; looked at without it, to no harm: a
  // cache that misses one asks malloc.
  Atomic<uint32_t> chains_[FreeFrame::kClasses] = {};
};

class FrameCache {
 public:
  FrameCache() = default;
  FrameCache(const FrameCache&) = delete;
  FrameCache& operator=(const FrameCache&) = delete;
  ~FrameCache() { Clear(); }

  static constexpr size_t kLargest = FreeFrame::kLargest;
  static constexpr uint32_t kLongestList = 64;

  // The length of its lists, when `spare_frames` (WorkerOptions) are to be kept of a class.
  static uint32_t MostFor(uint32_t spare_frames) {
    return std::clamp<uint32_t>(spare_frames / 2, 1, kLongestList);
  }

  // All caches of a depot (or null) have the same `most`. Before it is used.
  void Configure(uint32_t most, FrameDepot* depot) {
    most_ = most;
    depot_ = depot;
  }

  // For a promise's operator new and delete, and for what lives as shortly. Out of line: no caller
  // keeps the address of what is thread-local across a suspension.
  static void* Allocate(size_t size);
  static void Free(void* frame, size_t size) noexcept;

  // What the calling thread uses; or null. Never kept across a co_await.
  static void SetCurrent(FrameCache* cache);

  // Of the process, or null. While there is one no worker that starts uses a cache, so that every
  // frame comes by. Set while no runtime has been started.
  static void SetWatch(FrameWatch* watch);

  // Gives all back to malloc.
  void Clear() noexcept;
  // ... and what is in the depot.
  void Trim() noexcept;

 private:
  struct Lists {
    FreeFrame* active = nullptr;
    FreeFrame* spare = nullptr;
    uint32_t count = 0;  // in `active`
  };

  // When the active list is empty, or full, or not to be used: apart, for the code that is usual
  // need not save a register then.
  static void* AllocateElsewhere(FrameCache* cache, size_t size);
  static void FreeElsewhere(FrameCache* cache, void* frame, size_t size) noexcept;

  void Refill(Lists& lists, size_t size_class);
  bool MakeRoom(Lists& lists, size_t size_class);

  uint32_t most_ = 4;
  FrameDepot* depot_ = nullptr;
  Lists of_class_[FreeFrame::kClasses];
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_FRAME_CACHE_H_
