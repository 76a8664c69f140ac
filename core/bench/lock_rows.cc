// Rows of locks that wait without blocking a thread.
#include <array>
#include <utility>
#include <vector>

#include "core/bench/row.h"

namespace sluice::bench {
namespace {

using core::Task;

constexpr uint64_t kTasks = 8;
constexpr uint64_t kPermits = 4;

// Eight tasks, each of which does `times` of it.
template <typename Body>
Task<uint64_t> OfEight(Run& run, Body body) {
  std::vector<core::JoinHandle<uint64_t>> handles;
  run.Begin();
  for (uint64_t i = 0; i < kTasks; ++i) {
    handles.push_back(core::Spawn(body(run.count() / kTasks)));
  }
  const uint64_t done = co_await SumOf(handles);
  run.End();
  co_return done;
}

Task<uint64_t> AcquireTimes(core::Semaphore& semaphore, uint64_t times) {
  for (uint64_t i = 0; i < times; ++i) {
    const auto permit = co_await semaphore.Acquire();
    co_await core::Yield();
  }
  co_return times;
}

// Four permits for eight tasks, which give way while they hold one.
Task<uint64_t> SemaphoreContention(Run& run) {
  core::Semaphore semaphore(kPermits);
  co_return co_await OfEight(
      run, [&semaphore](uint64_t times) { return AcquireTimes(semaphore, times); });
}

Task<uint64_t> LockTimes(core::Mutex<uint64_t>& mutex, uint64_t times) {
  for (uint64_t i = 0; i < times; ++i) {
    auto guard = co_await mutex.Lock();
    co_await core::Yield();
    ++**guard;
  }
  co_return 0;
}

Task<uint64_t> MutexContention(Run& run) {
  core::Mutex<uint64_t> mutex(0);
  (void)co_await OfEight(run, [&mutex](uint64_t times) { return LockTimes(mutex, times); });
  auto guard = co_await mutex.Lock();
  co_return **guard;
}

Task<uint64_t> ReadTimes(core::RwLock<uint64_t>& lock, uint64_t times) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < times; ++i) {
    auto guard = co_await lock.Read();
    sum += **guard;
  }
  co_return sum;
}

Task<uint64_t> RwLockReaders(Run& run) {
  core::RwLock<uint64_t> lock(1);
  co_return co_await OfEight(run, [&lock](uint64_t times) { return ReadTimes(lock, times); });
}

constexpr auto kRows = std::to_array<Row>({
    {"semaphore_contention", Kind::kTasks, 400'000, InTask<SemaphoreContention>},
    {"mutex_contention", Kind::kTasks, 400'000, InTask<MutexContention>},
    {"rwlock_readers", Kind::kTasks, 1'000'000, InTask<RwLockReaders>},
});

}  // namespace

std::span<const Row> LockRows() { return kRows; }

}  // namespace sluice::bench
