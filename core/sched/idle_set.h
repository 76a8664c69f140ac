// IdleSet: which workers sleep, how many search, and which one to wake.
//
// Waking a halted CPU is dear (tens of microseconds in a virtual machine), so at most half of the
// workers search at a time and none is woken while another searches: the searcher will find it.
//
//               TryStartSearching            found / gave up: StopSearching
//      AWAKE ─────────────────────► SEARCHING ─────────────────────► AWAKE
//        ▲                              ▲                              │
//        │ FinishPark, own event        │ FinishPark, was notified     │ BeginPark
//        └──────────────────────── PARKED(bit set) ◄───────────────────┘
//                                       │ PickToWake clears the bit and counts a searcher for it
//
// Invariants
//   I1  searching_ = workers in SEARCHING + workers notified that have not run FinishPark yet.
//   I2  A bit is cleared exactly once per BeginPark: by the waker (then the worker wakes as a
//       searcher) or by the worker itself.
//
// No lost wake-up (Dekker): a producer makes its task visible, fences, then looks at the bits and
// the searchers (PickToWake); a worker sets its bit (BeginPark, which also fences), then looks at
// all queues once more, then sleeps. One of the two sees the other. A searcher that stops is in
// BeginPark next and looks again, or has found something and passes the search on.
// Threads: PickToWake any; the rest only the worker named by the index.
// Checked by: tests/core/sched/idle_set_test.cc, tests/model.
#ifndef SLUICE_CORE_SCHED_IDLE_SET_H_
#define SLUICE_CORE_SCHED_IDLE_SET_H_

#include <array>
#include <bit>
#include <cstdint>

#include "core/base/atomic.h"
#include "core/base/check.h"

namespace sluice::core {

class IdleSet {
 public:
  static constexpr uint32_t kMaxWorkers = 256;

  explicit IdleSet(uint32_t workers) : workers_(workers) {
    SLUICE_CHECK(workers >= 1 && workers <= kMaxWorkers);
  }

  // -1 when no worker has to be woken; else the worker whose reactor the caller wakes.
  int PickToWake() {
    for (;;) {
      AtomicFence(std::memory_order_seq_cst);
      if (searching_.load(std::memory_order_relaxed) != 0) return -1;
      uint32_t w = 0;
      uint64_t word = 0;
      while (w * 64 < workers_ && word == 0) word = parked_[w++].load(std::memory_order_relaxed);
      if (word == 0) return -1;
      --w;
      const uint64_t bit = word & -word;
      searching_.fetch_add(1, std::memory_order_seq_cst);
      if (parked_[w].compare_exchange_strong(word, word & ~bit, std::memory_order_seq_cst)) {
        return static_cast<int>(w * 64 + std::countr_zero(bit));
      }
      // It woke by itself. Others may have relied on us meanwhile: look again.
      searching_.fetch_sub(1, std::memory_order_seq_cst);
    }
  }

  // A hint, which orders nothing: whether a worker may have to be woken.
  bool AnyParked() const {
    for (uint32_t w = 0; w * 64 < workers_; ++w) {
      if (parked_[w].load(std::memory_order_relaxed) != 0) return true;
    }
    return false;
  }

  // Whether so few search that one more may. After BeginPark, whose fence meets StopSearching's:
  // those that search and stop later will look at everything again.
  bool MaySearch() const { return 2 * searching_.load(std::memory_order_relaxed) < workers_; }

  // Whether this worker may look for work at the others.
  bool TryStartSearching() {
    if (!MaySearch()) return false;
    searching_.fetch_add(1, std::memory_order_seq_cst);
    return true;
  }

  // True: it was the last searcher. If it found work it wakes another; else it parks.
  // The caller looks for work once more afterwards: the fence meets PickToWake's.
  bool StopSearching() {
    const bool last = searching_.fetch_sub(1, std::memory_order_seq_cst) == 1;
    AtomicFence(std::memory_order_seq_cst);
    return last;
  }

  void BeginPark(uint32_t index) {
    parked_[index / 64].fetch_or(Bit(index), std::memory_order_seq_cst);
    AtomicFence(std::memory_order_seq_cst);
  }

  // True: this worker has been notified; it is counted as a searcher.
  bool FinishPark(uint32_t index) {
    const uint64_t before = parked_[index / 64].fetch_and(~Bit(index), std::memory_order_seq_cst);
    return (before & Bit(index)) == 0;
  }

 private:
  static uint64_t Bit(uint32_t index) { return uint64_t{1} << (index % 64); }

  const uint32_t workers_;
  alignas(64) Atomic<uint32_t> searching_{0};
  std::array<Atomic<uint64_t>, kMaxWorkers / 64> parked_{};
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SCHED_IDLE_SET_H_
