// HeapReserve: memory for those that live when the heap has run out.
//
//             Allocate: malloc has failed
//   PLENTY ────────────────────────────────► SHORT   blocks come from the reserve,
//      ▲                                       │     no admission
//      └── HasMemory, at most every kRetry: ───┘
//          the probe says that malloc works, and the reserve is complete
//
// operator new (operator_new.cc) asks it for what malloc cannot give. What is asked for while
// memory is short is bounded: no session is admitted, and those that live want a few small blocks
// each, for a send while it lasts (one for each direction), for the rest of a connect and for their
// end: BytesFor has room for all of them.
//
// The reserve is a region of its own, not memory kept back in malloc or returned to the kernel at
// need: that would not help a thread that uses another of malloc's arenas, nor when the kernel maps
// nothing any more. It is mapped at the start and untouched: it costs address space (and is
// accounted where overcommit is strict), but no memory. A region is whole while half of it has not
// been used since it was empty. If one is not whole because sessions live long in it, another
// takes its place once the kernel gives one; the old one is unmapped when it is empty. The few
// frames that a worker keeps for the next ones (FrameCache) may be of a region, until its heap is
// trimmed.
//
// The mark may be wrong for a moment: Allocate may mark memory as short just before HasMemory
// unmarks it. The next block that malloc does not give marks it again.
//
// Threads: any. Memory orders: none are asked of `short_` and `next_try_`, which guard nothing;
// the thread that frees a block has it from the thread that got it, and with it sees `low_` and
// `high_` that enclose it. The regions have a mutex, which only those threads take that allocate
// here or free what lies between the bounds. It is not abseil's, which may allocate.
// Checked by: tests/proxy/memory/heap_reserve_test.cc, tests/fault/test_memory.py.
#ifndef SLUICE_PROXY_MEMORY_HEAP_RESERVE_H_
#define SLUICE_PROXY_MEMORY_HEAP_RESERVE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>

#include "core/base/atomic.h"
#include "core/base/time.h"
#include "proxy/memory/reserve_region.h"

namespace sluice::proxy {

class HeapReserve {
 public:
  static constexpr core::Duration kRetry = 100ms;

  // The address space for so many sessions.
  static size_t BytesFor(uint32_t max_connections);

  // `probe`: whether malloc works; asked while memory is short, it allocates nothing by operator
  // new. `bytes` 0: there is no reserve, and memory is never short.
  HeapReserve(size_t bytes, std::function<bool()> probe);
  HeapReserve(const HeapReserve&) = delete;
  HeapReserve& operator=(const HeapReserve&) = delete;

  // False: the region could not be mapped. It is tried again when memory has been short.
  bool whole();

  // After malloc has failed: marks memory as short. At least 16-byte aligned; null when the reserve
  // is used up.
  void* Allocate(size_t size);

  // False: `block` is not the reserve's.
  bool Free(void* block) {
    const auto address = reinterpret_cast<uintptr_t>(block);
    if (address < low_.load(std::memory_order_relaxed) ||
        address >= high_.load(std::memory_order_relaxed)) [[likely]] {
      return false;
    }
    return FreeInside(block);
  }

  // Whether a session may be admitted: one relaxed load while memory is plenty.
  bool HasMemory(core::Instant now) {
    return !short_.load(std::memory_order_relaxed) || Recovers(now);
  }

 private:
  // No more of them can be partly used: all sessions fit in half a region.
  static constexpr size_t kRegions = 4;

  bool FreeInside(void* block);
  bool Recovers(core::Instant now);
  bool MakeWhole();

  const size_t bytes_;
  const std::function<bool()> probe_;
  core::Atomic<bool> short_{false};
  core::Atomic<core::Instant> next_try_;
  core::Atomic<uintptr_t> low_{UINTPTR_MAX};  // of all regions that there ever were
  core::Atomic<uintptr_t> high_{0};
  std::mutex mutex_;
  std::array<ReserveRegion, kRegions> regions_;  // guarded by mutex_
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_MEMORY_HEAP_RESERVE_H_
