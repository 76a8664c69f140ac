// FrameCache: the frames of coroutines that have ended, for those that begin next.
//
// A worker frees a frame about as often as it makes one, of the few sizes that its coroutines have:
// what has just been freed is warm, and taking it from a list is a third of what malloc costs. So
// spawning and awaiting allocate nothing once they have been done before. A list for each size
// class, last in, first out:
//
//     lists_[class] ──► free frame ──► free frame        at most kMost of a class, and none of more
//                                                        than kLargest bytes: the rest is malloc's
//
// A frame goes to the cache of the thread that frees it, wherever it was made: there is nothing to
// hand back, and a thread that only frees keeps kMost of a class. A worker has a cache while it
// runs; a thread without one uses malloc, and so do all of them under AddressSanitizer, which is to
// see a frame end. The cache is emptied when the worker's heap is trimmed (WorkerMemory), because a
// single frame may hold a whole slab of the allocator.
//
// Classes are 16 bytes apart, as fine as malloc's: no frame is larger for it.
// Threads: the one that runs the worker.
// Checked by: tests/core/task/frame_cache_test.cc.
#ifndef SLUICE_CORE_TASK_FRAME_CACHE_H_
#define SLUICE_CORE_TASK_FRAME_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <new>

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

class FrameCache {
 public:
  FrameCache() = default;
  FrameCache(const FrameCache&) = delete;
  FrameCache& operator=(const FrameCache&) = delete;
  ~FrameCache() { Clear(); }

  static constexpr size_t kLargest = 512;
  static constexpr uint32_t kMost = 8;

  // For a promise's operator new and delete. Out of line: no caller keeps the address of what is
  // thread-local across a suspension.
  static void* Allocate(size_t size);
  static void Free(void* frame, size_t size) noexcept;

  // What the calling thread uses; or null. Never kept across a co_await.
  static void SetCurrent(FrameCache* cache);

  // Of the process, or null. While there is one no worker that starts uses a cache, so that every
  // frame comes by. Set while no runtime has been started.
  static void SetWatch(FrameWatch* watch);

  // Gives all back to malloc.
  void Clear() noexcept;

 private:
  static constexpr size_t kStep = 16;

  struct FreeFrame {
    FreeFrame* next;
  };
  struct List {
    FreeFrame* first = nullptr;
    uint32_t count = 0;
  };
  static size_t ClassOf(size_t size) { return (size + kStep - 1) / kStep; }

  List lists_[kLargest / kStep + 1];
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_FRAME_CACHE_H_
