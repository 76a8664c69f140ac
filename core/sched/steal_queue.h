// StealQueue: a worker's run queue. The owner pushes and pops, idle workers steal half.
//
// The algorithm is that of Tokio's and Go's schedulers (a fixed ring; Lerche, "Making the Tokio
// scheduler 10x faster", 2019). `tail` is written by the owner alone. `head` packs two positions:
// `real`, where the next task is taken, and `steal`, up to where slots are free for the owner to
// write. They differ only while a thief copies:
//
//        steal        real                 tail
//          │ claimed by │   ready to pop     │ free
//     ─────▼────────────▼────────────────────▼───────
//          [ a thief    ][ owner / next thief ]
//
// Positions are 32 bits, count up for ever and are cut to slots by a mask; differences are taken
// modulo 2^32.
//
// Invariants
//   I1  tail - steal <= kCapacity: a slot is written only when no thief may still read it.
//   I2  real is in [steal, tail]: every task between real and tail is taken exactly once, by the
//       CAS that moves real over it.
//   I3  At most one thief at a time (steal != real makes the others go away).
//
// Memory orders: the owner's release store of tail meets the thief's acquire load (the thief sees
// the slots); the thief's release CAS that closes the gap meets the owner's acquire load of head in
// Push (the slots have been read before they are written again). A thief reads head before tail: a
// tail read first could be older than the head and make the difference wrap.
// Threads: Owner methods are for the owning worker, StealInto for any other.
// Checked by: tests/core/sched/steal_queue_test.cc; tests/model.
#ifndef SLUICE_CORE_SCHED_STEAL_QUEUE_H_
#define SLUICE_CORE_SCHED_STEAL_QUEUE_H_

#include <array>
#include <cstdint>
#include <span>
#include <utility>

#include "core/base/atomic.h"
#include "core/base/check.h"

namespace sluice::core {

template <typename T, uint32_t kCapacity = 256>
class StealQueue {
  static_assert((kCapacity & (kCapacity - 1)) == 0 && kCapacity >= 4);

 public:
  static constexpr uint32_t kSize = kCapacity;
  StealQueue() = default;
  StealQueue(const StealQueue&) = delete;
  StealQueue& operator=(const StealQueue&) = delete;

  // Owner. Pushes at the tail; when the ring is full, `overflow(std::span<T* const>)` gets half of
  // what is queued (oldest first) and then `task`, or just `task` while a thief is busy.
  template <typename Overflow>
  void Push(T* task, Overflow&& overflow) {
    for (;;) {
      const uint64_t head = head_.load(std::memory_order_acquire);
      const uint32_t tail = tail_.load(std::memory_order_relaxed);
      if (tail - Steal(head) < kCapacity) {  // I1
        slots_[tail & kMask].store(task, std::memory_order_relaxed);
        tail_.store(tail + 1, std::memory_order_release);
        return;
      }
      if (Steal(head) != Real(head)) {
        overflow(std::span<T* const>(&task, 1));
        return;
      }
      if (PushOverflow(task, head, tail, overflow)) return;
    }
  }

  // Owner. Takes the oldest task, or null.
  T* Pop() {
    uint64_t head = head_.load(std::memory_order_acquire);
    for (;;) {
      const uint32_t real = Real(head);
      const uint32_t tail = tail_.load(std::memory_order_relaxed);
      if (real == tail) return nullptr;
      const uint32_t steal = Steal(head);
      // Without a thief both positions move; with one, `steal` is the thief's to move.
      const uint64_t next = Pack(steal == real ? real + 1 : steal, real + 1);
      T* task = slots_[real & kMask].load(std::memory_order_relaxed);
      if (head_.compare_exchange_weak(head, next, std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
        return task;
      }
    }
  }

  // The same where there are no thieves: without a locked instruction.
  T* PopAlone() {
    const uint32_t real = Real(head_.load(std::memory_order_relaxed));
    if (real == tail_.load(std::memory_order_relaxed)) return nullptr;
    T* task = slots_[real & kMask].load(std::memory_order_relaxed);
    head_.store(Pack(real + 1, real + 1), std::memory_order_relaxed);
    return task;
  }

  // A thief, being the owner of `to`, which has to be empty. Moves half of what is here (rounded
  // up) and returns one of them to run at once; null when there is nothing or another thief.
  T* StealInto(StealQueue& to) {
    const uint32_t to_tail = to.tail_.load(std::memory_order_relaxed);
    if (to_tail - Steal(to.head_.load(std::memory_order_acquire)) > kCapacity / 2) return nullptr;
    uint32_t first = 0;
    uint32_t count = 0;
    if (!Claim(first, count)) return nullptr;
    for (uint32_t i = 0; i < count; ++i) {
      T* task = slots_[(first + i) & kMask].load(std::memory_order_relaxed);
      to.slots_[(to_tail + i) & kMask].store(task, std::memory_order_relaxed);
    }
    CloseGap();
    // The last one is for the caller; the others become visible to further thieves.
    T* mine = to.slots_[(to_tail + count - 1) & kMask].load(std::memory_order_relaxed);
    if (count > 1) to.tail_.store(to_tail + count - 1, std::memory_order_release);
    return mine;
  }

  // Any thread; a moment later it may be wrong.
  uint32_t SizeHint() const {
    const uint64_t head = head_.load(std::memory_order_acquire);
    return tail_.load(std::memory_order_acquire) - Real(head);
  }

 private:
  static constexpr uint32_t kMask = kCapacity - 1;
  static uint64_t Pack(uint32_t steal, uint32_t real) { return uint64_t{steal} << 32 | real; }
  static uint32_t Steal(uint64_t head) { return static_cast<uint32_t>(head >> 32); }
  static uint32_t Real(uint64_t head) { return static_cast<uint32_t>(head); }

  // Takes half of the full ring out by moving the head over it. False: a thief came first.
  template <typename Overflow>
  bool PushOverflow(T* task, uint64_t head, uint32_t tail, Overflow& overflow) {
    const uint32_t real = Real(head);
    const uint32_t half = kCapacity / 2;
    SLUICE_DCHECK(tail - real == kCapacity);
    std::array<T*, kCapacity / 2 + 1> taken;
    for (uint32_t i = 0; i < half; ++i) {
      taken[i] = slots_[(real + i) & kMask].load(std::memory_order_relaxed);
    }
    if (!head_.compare_exchange_strong(head, Pack(real + half, real + half),
                                       std::memory_order_acq_rel, std::memory_order_relaxed)) {
      return false;
    }
    taken[half] = task;
    overflow(std::span<T* const>(taken));
    return true;
  }

  // Moves `real` over half of the tasks and leaves `steal` behind: they are ours to copy.
  bool Claim(uint32_t& first, uint32_t& count) {
    uint64_t head = head_.load(std::memory_order_acquire);
    for (;;) {
      if (Steal(head) != Real(head)) return false;  // I3
      const uint32_t real = Real(head);
      const uint32_t tail = tail_.load(std::memory_order_acquire);  // after head: see above
      const uint32_t size = tail - real;
      count = size - size / 2;
      if (count == 0) return false;
      first = real;
      if (head_.compare_exchange_weak(head, Pack(real, real + count), std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
        SLUICE_DCHECK(count <= kCapacity / 2);
        return true;
      }
    }
  }

  // Sets `steal` to `real`, wherever the owner has moved it meanwhile.
  void CloseGap() {
    uint64_t head = head_.load(std::memory_order_acquire);
    while (!head_.compare_exchange_weak(head, Pack(Real(head), Real(head)),
                                        std::memory_order_acq_rel, std::memory_order_acquire)) {
    }
  }

  alignas(64) Atomic<uint64_t> head_{0};
  alignas(64) Atomic<uint32_t> tail_{0};
  std::array<Atomic<T*>, kCapacity> slots_{};
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SCHED_STEAL_QUEUE_H_
