// Rows of timers, and the memory of a task that sleeps.
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "core/bench/row.h"

namespace sluice::bench {
namespace {

using core::Task;
using Handles = std::vector<core::JoinHandle<uint64_t>>;

Task<uint64_t> SleepLong(uint64_t number, Countdown& asleep) {
  asleep.Down();
  (void)co_await core::Sleep(1h + std::chrono::milliseconds(number % 60'000));
  co_return 1;
}

Task<void> SpawnSleepers(Run& run, Handles& handles) {
  Countdown asleep(run.count());
  handles.reserve(run.count());
  for (uint64_t i = 0; i < run.count(); ++i) {
    handles.push_back(core::Spawn(SleepLong(i, asleep)));
  }
  (void)co_await asleep.Zero();
}

// Aborts all, and waits for their ends; returns how many they were.
Task<uint64_t> Abort(Handles& handles) {
  for (const auto& handle : handles) handle.Abort();
  co_return co_await SumOf(handles);
}

// A million tasks fall asleep.
Task<uint64_t> TimersSet(Run& run) {
  Handles handles;
  run.Begin();
  co_await SpawnSleepers(run, handles);
  run.End();
  co_return co_await Abort(handles);
}

// A million tasks that sleep are aborted.
Task<uint64_t> TimersCancelled(Run& run) {
  Handles handles;
  co_await SpawnSleepers(run, handles);
  run.Begin();
  const uint64_t done = co_await Abort(handles);
  run.End();
  co_return done;
}

Task<void> SleepShort(uint64_t number, Countdown& awake) {
  (void)co_await core::Sleep(std::chrono::milliseconds(1 + number * 7919 % 500));
  awake.Down();
}

// A million tasks sleep for up to half a second.
Task<uint64_t> TimersFired(Run& run) {
  Countdown awake(run.count());
  run.Begin();
  for (uint64_t i = 0; i < run.count(); ++i) core::Spawn(SleepShort(i, awake)).Detach();
  (void)co_await awake.Zero();
  run.End();
  co_return run.count();
}

Task<uint64_t> YieldOnce() {
  co_await core::Yield();
  co_return 1;
}

// A time-out around something that comes soon.
Task<uint64_t> TimeoutInTime(Run& run) {
  uint64_t done = 0;
  run.Begin();
  for (uint64_t i = 0; i < run.count(); ++i) {
    const std::optional<uint64_t> one = co_await core::WithTimeout(1s, YieldOnce());
    done += *one;
  }
  run.End();
  co_return done;
}

core::Atomic<uint64_t> tasks_asleep{0};

Task<void> SleepAnHour() {
  tasks_asleep.fetch_add(1, std::memory_order_relaxed);
  (void)co_await core::Sleep(1h);
}

// Nothing but the tasks is counted. The end of the runtime cancels them.
Task<uint64_t> SleepingTask(Run& run) {
  run.Begin();
  for (uint64_t i = 0; i < run.count(); ++i) {
    core::Spawn(SleepAnHour()).Detach();
    if (i % 100 == 0) co_await core::Yield();
  }
  while (tasks_asleep.load(std::memory_order_relaxed) < run.count()) co_await core::Yield();
  run.End();
  co_return tasks_asleep.load(std::memory_order_relaxed);
}

constexpr auto kRows = std::to_array<Row>({
    {"timers_set", Kind::kOnce, 1'000'000, InTask<TimersSet>},
    {"timers_cancelled", Kind::kOnce, 1'000'000, InTask<TimersCancelled>},
    {"timers_fired", Kind::kOnce, 1'000'000, InTask<TimersFired>},
    {"timeout_in_time", Kind::kOne, 300'000, InTask<TimeoutInTime>},
    {"sleeping_task", Kind::kMemory, 200'000, InTask<SleepingTask>},
});

}  // namespace

std::span<const Row> TimeRows() { return kRows; }

}  // namespace sluice::bench
