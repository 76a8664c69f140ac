// ThreadMutex, the real code, with a futex of the model: no two threads hold it, each sees what the
// others did before, and none sleeps when it is free.
#include <array>
#include <cstdint>

#include "core/base/atomic.h"
#include "core/base/check.h"
#include "core/base/thread_mutex.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"

namespace sluice::model {
namespace {

// The kernel compares and wakes under a lock of its own.
struct Kernel {
  ModelMutex mutex;
  std::array<Signal, 3> woken;
  int sleeping = 0;  // in the order of `woken`; none comes twice in these models' threads
  int woken_count = 0;
};
Kernel* kernel = nullptr;

enum class Mistake : uint8_t { kNone, kDoesNotCompare, kWakesNone };

template <Mistake kMistake>
struct ModelSleep {
  static constexpr int kLooks = 0;
  static void Pause() {}
  static void Wait(core::Atomic<uint32_t>& word, uint32_t value) {
    kernel->mutex.Lock();
    if (kMistake != Mistake::kDoesNotCompare && word.load(std::memory_order_relaxed) != value) {
      kernel->mutex.Unlock();
      return;
    }
    Signal& mine = kernel->woken[static_cast<size_t>(kernel->sleeping++) % kernel->woken.size()];
    kernel->mutex.Unlock();
    mine.Wait();
  }
  static void WakeOne(core::Atomic<uint32_t>&) {
    if (kMistake == Mistake::kWakesNone) return;
    kernel->mutex.Lock();
    if (kernel->woken_count < kernel->sleeping) {
      kernel->woken[static_cast<size_t>(kernel->woken_count++) % kernel->woken.size()].Set();
    }
    kernel->mutex.Unlock();
  }
};

template <Mistake kMistake>
struct State {
  State() { kernel = &own_kernel; }
  Kernel own_kernel;
  core::BasicThreadMutex<ModelSleep<kMistake>> mutex;
  Cell<int> count{"what the mutex guards"};
};

// Each thread counts once.
template <Mistake kMistake = Mistake::kNone>
Model Counting(int threads) {
  return [=](Execution& run) {
    auto& s = run.Make<State<kMistake>>();
    for (int i = 0; i < threads; ++i) {
      constexpr std::array kNames = {"first", "second", "third"};
      run.Thread(kNames[static_cast<size_t>(i)], [&s] {
        s.mutex.Lock();
        s.count.Set(s.count.Get() + 1);
        s.mutex.Unlock();
      });
    }
    run.Finally([&s, threads] { SLUICE_CHECK(s.count.Get() == threads); });
  };
}

TEST(ThreadMutex, Two) { ExpectHolds(Counting(2)); }
TEST(ThreadMutex, Three) { ExpectHolds(Counting(3), {.preemptions = 3}); }

TEST(ThreadMutexMutant, LocksWithoutAcquire) {
  ExpectCaught(Counting(2), {"::Lock(", Action::kCompareExchange, -1, std::memory_order_relaxed});
}
TEST(ThreadMutexMutant, UnlocksWithoutRelease) {
  ExpectCaught(Counting(2), {"::Unlock(", Action::kUpdate, -1, std::memory_order_relaxed});
}
TEST(ThreadMutexMutant, LocksWithoutAcquireWhenFree) {
  ExpectCaught(Counting(2), {"LockWhenFree(", Action::kUpdate, -1, std::memory_order_relaxed});
}
TEST(ThreadMutexMutant, SleepsByAnOldLook) { ExpectFails(Counting<Mistake::kDoesNotCompare>(2)); }
TEST(ThreadMutexMutant, WakesNone) { ExpectFails(Counting<Mistake::kWakesNone>(2)); }

}  // namespace
}  // namespace sluice::model
