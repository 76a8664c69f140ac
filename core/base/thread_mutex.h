// ThreadMutex: a mutex between threads, for the few instructions that tasks hand something over in.
//
//     ThreadMutex mutex_;
//     int left_ ABSL_GUARDED_BY(mutex_) = 0;
//     ThreadMutexLock lock(&mutex_);
//
// Four bytes, and inline as long as no thread sleeps for one: a lock is one locked instruction, and
// its release a store and a look. absl::Mutex, which takes two calls for it, is for what is held
// longer, shared, or waited for with a condition.
//
//              Lock           another thread's Lock: it looks for a moment, for as a rule the other
//   FREE ─────────────► HELD  one is about to be done. Then it counts itself among the sleepers,
//     ▲                  │    looks once more, and sleeps
//     └───── Unlock ─────┘
//            then, if there are sleepers, wakes one
//
// Which mutex it is that a thread sleeps for, only the kernel knows: sleepers are counted for all
// mutexes whose addresses have the same hash, apart from them. So a thread that unlocks a mutex
// touches it no more once it is free, and the next one to lock it may destroy it.
//
// An Unlock that overtakes a Lock must see that it is counted, or be seen by its look:
//
//     Unlock   word = FREE;     light fence;    are there sleepers?
//     Lock     ++sleepers;      heavy fence;    is word FREE?
//
// The light one keeps the compiler in order and costs nothing; the heavy one, membarrier(2), makes
// every running thread of the process pass a barrier: some microseconds, also of the other CPUs. A
// thread needs none while another one is counted that has had its own (SleepersOf), so that of many
// that sleep for the same mutex one pays. (An asymmetric fence: Dice, Huang and Yang, "Asymmetric
// Dekker synchronization", 2001; WebKit's parking lot, 2015, keeps those that sleep apart, too.)
// Where the system has no membarrier, Unlock has a fence of its own: a filter of system calls may
// refuse it with an error, but is not to kill for it.
//
// It is not fair, and not recursive.
// Checked by: tests/core/base/thread_mutex_test.cc, tests/model (thread_mutex_model_test.cc).
#ifndef SLUICE_CORE_BASE_THREAD_MUTEX_H_
#define SLUICE_CORE_BASE_THREAD_MUTEX_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "core/base/atomic.h"

namespace sluice::core {

// Sleep: SleepersOf(word) counts who sleeps for it, or for another mutex, and kFenced for each of
// them that has had a heavy fence; HeavyFence() tells whether it was one; Wait(word, value) sleeps
// if the word still has this value, and may return for nothing; WakeOne(word) wakes one that does;
// kLooks is how often to look before.
template <typename Sleep>
class ABSL_LOCKABLE BasicThreadMutex {
 public:
  constexpr BasicThreadMutex() = default;
  BasicThreadMutex(const BasicThreadMutex&) = delete;
  BasicThreadMutex& operator=(const BasicThreadMutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    if (!TryTake()) [[unlikely]]
      LockWhenFree();
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    const Atomic<uint64_t>& sleepers = Sleep::SleepersOf(word_);
    word_.store(kFree, std::memory_order_release);
    Sleep::LightFence();
    if (sleepers.load(std::memory_order_relaxed) != 0) [[unlikely]]
      Sleep::WakeOne(word_);
  }

 private:
  static constexpr uint32_t kFree = 0;
  static constexpr uint32_t kHeld = 1;
  static constexpr uint64_t kFenced = uint64_t{1} << 32;

  bool TryTake() {
    uint32_t free = kFree;
    return word_.compare_exchange_strong(free, kHeld, std::memory_order_acquire,
                                         std::memory_order_relaxed);
  }

  [[gnu::noinline]] void LockWhenFree() {
    for (int i = 0; i < Sleep::kLooks; ++i) {
      Sleep::Pause();
      if (word_.load(std::memory_order_relaxed) == kFree && TryTake()) return;
    }
    // What has been unlocked before the fence is seen to be free; and who unlocks it later sees a
    // count that is not 0, as long as those are counted that came while this one was.
    Atomic<uint64_t>& sleepers = Sleep::SleepersOf(word_);
    uint64_t counted = 1;
    if (sleepers.fetch_add(1, std::memory_order_acquire) < kFenced && Sleep::HeavyFence()) {
      counted += kFenced;
      sleepers.fetch_add(kFenced, std::memory_order_relaxed);  // a release, behind that fence
    }
    while (!TryTake()) Sleep::Wait(word_, kHeld);
    sleepers.fetch_sub(counted, std::memory_order_relaxed);
  }

  Atomic<uint32_t> word_{kFree};
};

}  // namespace sluice::core

#ifdef SLUICE_MODEL_THREAD_MUTEX
#include SLUICE_MODEL_THREAD_MUTEX
#else
namespace sluice::core {

// In the kernel.
class FutexSleep {
 public:
  static constexpr int kLooks = 100;
  static void Pause();
  static Atomic<uint64_t>& SleepersOf(const Atomic<uint32_t>& word) {
    const auto address = reinterpret_cast<uintptr_t>(&word);
    return sleepers_[(address / kGrain ^ address / kPage) % kCounts].count;
  }
  static void LightFence() { std::atomic_signal_fence(std::memory_order_seq_cst); }
  static bool HeavyFence();
  static void Wait(Atomic<uint32_t>& word, uint32_t value);
  static void WakeOne(Atomic<uint32_t>& word);

  // Asks the kernel for the heavy fence, once. That takes no time before a program has threads, and
  // later it may take some 10 ms, of every thread that unlocks a mutex meanwhile. The first Unlock
  // calls it, and so does a thread that needs the fence.
  static void Prepare();

 private:
  static constexpr size_t kCounts = 256;
  static constexpr size_t kGrain = 16;  // aligned bytes that share a count
  static constexpr size_t kPage = 4096;

  // One too many as long as there is no heavy fence: then each Unlock calls WakeOne, which has one.
  struct Sleepers {
    Atomic<uint64_t> count{1};
  };
  static Sleepers sleepers_[kCounts];
};
using ThreadMutex = BasicThreadMutex<FutexSleep>;

class ABSL_SCOPED_LOCKABLE ThreadMutexLock {
 public:
  explicit ThreadMutexLock(ThreadMutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex)
      : mutex_(*mutex) {
    mutex_.Lock();
  }
  ThreadMutexLock(const ThreadMutexLock&) = delete;
  ThreadMutexLock& operator=(const ThreadMutexLock&) = delete;
  ~ThreadMutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }

 private:
  ThreadMutex& mutex_;
};

}  // namespace sluice::core
#endif

#endif  // SLUICE_CORE_BASE_THREAD_MUTEX_H_
