// ThreadMutex, the real code, with a futex of the model: no two threads hold it, each sees what the
// others did before, and none sleeps when it is free. The heavy fence is what membarrier says of
// itself: each thread passes a fence at some point while it lasts, wherever it is. The light one is
// nothing here, for the model reorders what a compiler may reorder, too.
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
  struct Sleeper {
    const void* word = nullptr;
    bool is_woken = false;
    Signal woken;
  };
  ModelMutex mutex;
  std::array<Sleeper, 8> sleepers;  // in the order in which they came: as often as all may sleep
  size_t slept = 0;
  core::Atomic<uint64_t> count{0};
  int threads = 0;
};
Kernel* kernel = nullptr;

enum class Mistake : uint8_t { kNone, kDoesNotCompare, kWakesNone, kFencesItselfAlone };

template <Mistake kMistake>
struct ModelSleep {
  static constexpr int kLooks = 0;
  static void Pause() {}
  static core::Atomic<uint64_t>& SleepersOf(const core::Atomic<uint32_t>&) { return kernel->count; }
  static void LightFence() {}
  static bool HeavyFence() {
    Execution* const run = Execution::Current();
    for (int t = 1; t <= kernel->threads; ++t) {
      core::AtomicFence(std::memory_order_seq_cst);
      if (kMistake != Mistake::kFencesItselfAlone) {
        run->memory().Fence(t, std::memory_order_seq_cst);
      }
    }
    core::AtomicFence(std::memory_order_seq_cst);
    return true;
  }
  static void Wait(core::Atomic<uint32_t>& word, uint32_t value) {
    kernel->mutex.Lock();
    if (kMistake != Mistake::kDoesNotCompare && word.load(std::memory_order_relaxed) != value) {
      kernel->mutex.Unlock();
      return;
    }
    Kernel::Sleeper& mine = kernel->sleepers.at(kernel->slept++);
    mine.word = &word;
    kernel->mutex.Unlock();
    mine.woken.Wait();
  }
  static void WakeOne(core::Atomic<uint32_t>& word) {
    if (kMistake == Mistake::kWakesNone) return;
    kernel->mutex.Lock();
    for (size_t i = 0; i < kernel->slept; ++i) {
      Kernel::Sleeper& each = kernel->sleepers[i];
      if (each.word != &word || each.is_woken) continue;
      each.is_woken = true;
      each.woken.Set();
      break;
    }
    kernel->mutex.Unlock();
  }
};

template <Mistake kMistake>
struct State {
  State() { kernel = &own_kernel; }
  Kernel own_kernel;
  core::BasicThreadMutex<ModelSleep<kMistake>> mutex;
  core::BasicThreadMutex<ModelSleep<kMistake>> other;  // that has the same count of sleepers
  Cell<int> count{"what the mutex guards"};
};

// Each thread counts once.
template <Mistake kMistake = Mistake::kNone>
Model Counting(int threads) {
  return [=](Execution& run) {
    auto& s = run.Make<State<kMistake>>();
    s.own_kernel.threads = threads;
    for (int i = 0; i < threads; ++i) {
      constexpr std::array kNames = {"first", "second", "third"};
      run.Thread(kNames[static_cast<size_t>(i)], [&s] {
        s.mutex.Lock();
        s.count.Set(s.count.Get() + 1);
        s.mutex.Unlock();
      });
    }
    run.Finally([&s, threads] {
      SLUICE_CHECK(s.count.Get() == threads);
      SLUICE_CHECK(s.own_kernel.count.load(std::memory_order_relaxed) == 0);
    });
  };
}

// Who sleeps for one mutex trusts the fence of one that sleeps for another, and the thread that
// unlocks both looks for sleepers of the first before there are any.
Model SharingTheCount() {
  return [](Execution& run) {
    auto& s = run.Make<State<Mistake::kNone>>();
    s.own_kernel.threads = 3;
    run.Thread("holds both", [&s] {
      s.other.Lock();
      s.mutex.Lock();
      s.count.Set(s.count.Get() + 1);
      s.mutex.Unlock();
      s.other.Unlock();
    });
    run.Thread("fenced", [&s] {
      s.other.Lock();
      s.other.Unlock();
    });
    run.Thread("trusts", [&s] {
      s.mutex.Lock();
      s.count.Set(s.count.Get() + 1);
      s.mutex.Unlock();
    });
    run.Finally([&s] { SLUICE_CHECK(s.count.Get() == 2); });
  };
}

// What a thread does to another one's view no footprint tells: nothing is left out.
const Options kAll = {.reduce = false};
const Options kSome = {.preemptions = 3, .reduce = false};

TEST(ThreadMutex, Two) { ExpectHolds(Counting(2), kAll); }
TEST(ThreadMutex, Three) { ExpectHolds(Counting(3), kSome); }

TEST(ThreadMutex, TwoThatShareTheCount) { ExpectHolds(SharingTheCount(), kSome); }

TEST(ThreadMutexMutant, LocksWithoutAcquire) {
  ExpectCaught(Counting(2), {"::TryTake(", Action::kCompareExchange, -1, std::memory_order_relaxed},
               kAll);
}
TEST(ThreadMutexMutant, UnlocksWithoutRelease) {
  ExpectCaught(Counting(2), {"::Unlock(", Action::kStore, -1, std::memory_order_relaxed}, kAll);
}
TEST(ThreadMutexMutant, SleepsByAnOldLook) {
  ExpectFails(Counting<Mistake::kDoesNotCompare>(2), kAll);
}
TEST(ThreadMutexMutant, WakesNone) { ExpectFails(Counting<Mistake::kWakesNone>(2), kAll); }
TEST(ThreadMutexMutant, FencesItselfAlone) {
  ExpectFails(Counting<Mistake::kFencesItselfAlone>(2), kAll);
}
TEST(ThreadMutexMutant, TrustsAFenceThatItHasNotSeen) {
  ExpectCaught(SharingTheCount(), {"LockWhenFree(", Action::kUpdate, 0, std::memory_order_relaxed},
               kSome);
}

}  // namespace
}  // namespace sluice::model
