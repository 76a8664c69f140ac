// ThreadMutex: a mutex between threads, for the few instructions that tasks hand something over in.
//
//     ThreadMutex mutex_;
//     int left_ ABSL_GUARDED_BY(mutex_) = 0;
//     ThreadMutexLock lock(&mutex_);
//
// Four bytes, and inline as long as no two threads meet: a lock and its release are one locked
// instruction each. absl::Mutex, which takes two calls for it, is for what is held longer, shared,
// or waited for with a condition.
//
//              Lock                     another thread's Lock, which then sleeps
//   FREE ─────────────────► HELD ─────────────────────────────────────────────────► CONTENDED
//     ▲ ▲                    │  Unlock                                                │  ▲
//     │ └────────────────────┘                                                        │  │
//     └─────────────────────────────── Unlock: wakes one that sleeps ─────────────────┘  │
//     └──────── that one's Lock: there may be others ────────────────────────────────────┘
//
// The second mutex of Drepper, "Futexes are tricky" (2011). A thread looks for a moment before it
// sleeps: as a rule the other one is about to be done.
//
// It is not fair, and not recursive. The thread that unlocks it touches it no more once it is free,
// so the next one to lock it may destroy it.
// Checked by: tests/core/base/thread_mutex_test.cc, tests/model (thread_mutex_model_test.cc).
#ifndef SLUICE_CORE_BASE_THREAD_MUTEX_H_
#define SLUICE_CORE_BASE_THREAD_MUTEX_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "core/base/atomic.h"

namespace sluice::core {

// Sleep: Wait(word, value) sleeps if the word still has this value, and may return for nothing;
// WakeOne(word) wakes one that does; kLooks is how often to look before.
template <typename Sleep>
class ABSL_LOCKABLE BasicThreadMutex {
 public:
  constexpr BasicThreadMutex() = default;
  BasicThreadMutex(const BasicThreadMutex&) = delete;
  BasicThreadMutex& operator=(const BasicThreadMutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    uint32_t free = kFree;
    if (!word_.compare_exchange_strong(free, kHeld, std::memory_order_acquire,
                                       std::memory_order_relaxed)) [[unlikely]] {
      LockWhenFree();
    }
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    if (word_.exchange(kFree, std::memory_order_release) == kContended) [[unlikely]] {
      Sleep::WakeOne(word_);
    }
  }

 private:
  static constexpr uint32_t kFree = 0;
  static constexpr uint32_t kHeld = 1;
  static constexpr uint32_t kContended = 2;

  [[gnu::noinline]] void LockWhenFree() {
    for (int i = 0; i < Sleep::kLooks; ++i) {
      Sleep::Pause();
      uint32_t free = kFree;
      if (word_.load(std::memory_order_relaxed) == kFree &&
          word_.compare_exchange_strong(free, kHeld, std::memory_order_acquire,
                                        std::memory_order_relaxed)) {
        return;
      }
    }
    // From here on it is CONTENDED when we hold it: another thread may sleep as we have.
    while (word_.exchange(kContended, std::memory_order_acquire) != kFree) {
      Sleep::Wait(word_, kContended);
    }
  }

  Atomic<uint32_t> word_{kFree};
};

}  // namespace sluice::core

#ifdef SLUICE_MODEL_THREAD_MUTEX
#include SLUICE_MODEL_THREAD_MUTEX
#else
namespace sluice::core {

// In the kernel.
struct FutexSleep {
  static constexpr int kLooks = 100;
  static void Pause();
  static void Wait(Atomic<uint32_t>& word, uint32_t value);
  static void WakeOne(Atomic<uint32_t>& word);
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
