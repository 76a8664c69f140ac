// Rows of tasks: spawning, yielding, joining and spreading them. The first six have the names of
// Tokio's own benchmarks of its scheduler.
#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "core/bench/row.h"

namespace sluice::bench {
namespace {

using core::Task;

constexpr uint64_t kBatch = 10'000;
constexpr uint64_t kShortBatch = 1'000;
constexpr uint64_t kYielders = 200;
constexpr uint64_t kSpins = 500'000;  // of a task that computes: one or two milliseconds

Task<void> CountDown(Countdown& countdown) {
  countdown.Down();
  co_return;
}

Task<uint64_t> One() { co_return 1; }

// A task spawns many, which run where it runs, or at the other worker.
Task<uint64_t> SpawnManyLocal(Run& run) {
  Countdown countdown;
  uint64_t done = 0;
  run.Begin();
  while (done < run.count()) {
    const uint64_t batch = std::min(kBatch, run.count() - done);
    countdown.Start(batch);
    for (uint64_t i = 0; i < batch; ++i) core::Spawn(CountDown(countdown)).Detach();
    (void)co_await countdown.Zero();
    done += batch;
  }
  run.End();
  co_return done;
}

// A thread that runs no tasks spawns many and waits for all; the workers sleep when it begins.
uint64_t SpawnManyRemote(core::Runtime& runtime, Run& run) {
  std::vector<core::JoinHandle<uint64_t>> handles;
  handles.reserve(kBatch);
  uint64_t done = 0;
  run.Begin();
  while (done < run.count()) {
    const uint64_t batch = std::min(kBatch, run.count() - done);
    for (uint64_t i = 0; i < batch; ++i) handles.push_back(runtime.handle().Spawn(One()));
    done += runtime.BlockOn(SumOf(handles));
    handles.clear();
  }
  run.End();
  return done;
}

Task<void> BeBusy(core::Atomic<bool>& stop, Countdown& ended) {
  while (!stop.load(std::memory_order_relaxed)) co_await core::Yield();
  ended.Down();
}

Task<void> WaitForZero(Countdown& countdown) { (void)co_await countdown.Zero(); }

// The same, while as many tasks as there are workers keep them busy: they do nothing but give way.
// (Tokio's own row has tasks that spawn themselves again. In its version 1.24 such a task keeps its
// worker for itself, and what comes from outside never begins.)
uint64_t SpawnManyRemoteBusy(core::Runtime& runtime, Run& run) {
  core::Atomic<bool> stop{false};
  Countdown ended(runtime.handle().workers());
  for (uint32_t i = 0; i < runtime.handle().workers(); ++i) {
    runtime.handle().Spawn(BeBusy(stop, ended)).Detach();
  }
  const uint64_t done = SpawnManyRemote(runtime, run);
  stop.store(true, std::memory_order_relaxed);
  runtime.BlockOn(WaitForZero(ended));
  return done;
}

Task<uint64_t> YieldTimes(uint64_t times) {
  for (uint64_t i = 0; i < times; ++i) co_await core::Yield();
  co_return times;
}

Task<uint64_t> YieldMany(Run& run) {
  std::vector<core::JoinHandle<uint64_t>> handles;
  handles.reserve(kYielders);
  run.Begin();
  for (uint64_t i = 0; i < kYielders; ++i) {
    handles.push_back(core::Spawn(YieldTimes(run.count() / kYielders)));
  }
  const uint64_t done = co_await SumOf(handles);
  run.End();
  co_return done;
}

using Number = core::Oneshot<uint64_t>;

Task<void> Pong(Number::Receiver ping, Number::Sender pong) {
  core::IoResult<uint64_t> number = co_await ping;
  if (number.ok()) (void)pong.Send(*number);
}

Task<void> Ping(uint64_t number, core::Atomic<uint64_t>& sum, Countdown& countdown) {
  auto [ping, other_ping] = Number::Make();
  auto [other_pong, pong] = Number::Make();
  core::Spawn(Pong(std::move(other_ping), std::move(other_pong))).Detach();
  (void)ping.Send(number);
  core::IoResult<uint64_t> answer = co_await pong;
  if (answer.ok()) sum.fetch_add(*answer, std::memory_order_relaxed);
  countdown.Down();
}

// Each ping is a task that spawns another one, sends it a number and waits for it to come back.
Task<uint64_t> PingPong(Run& run) {
  core::Atomic<uint64_t> sum{0};
  Countdown countdown;
  run.Begin();
  for (uint64_t done = 0; done < run.count();) {
    const uint64_t batch = std::min(kShortBatch, run.count() - done);
    countdown.Start(batch);
    for (uint64_t i = 0; i < batch; ++i) core::Spawn(Ping(done + i, sum, countdown)).Detach();
    (void)co_await countdown.Zero();
    done += batch;
  }
  run.End();
  co_return sum.load(std::memory_order_relaxed);
}

Task<void> Link(uint64_t left, Countdown& countdown) {
  if (left == 0) {
    countdown.Down();
  } else {
    core::Spawn(Link(left - 1, countdown)).Detach();
  }
  co_return;
}

// Chains of tasks, each of which spawns the next one and ends.
Task<uint64_t> ChainedSpawn(Run& run) {
  Countdown countdown;
  uint64_t done = 0;
  run.Begin();
  while (done < run.count()) {
    const uint64_t batch = std::min(kShortBatch, run.count() - done);
    countdown.Start(1);
    core::Spawn(Link(batch, countdown)).Detach();
    (void)co_await countdown.Zero();
    done += batch;
  }
  run.End();
  co_return done;
}

Task<uint64_t> JoinSetOf1000(Run& run) {
  uint64_t done = 0;
  run.Begin();
  while (done < run.count()) {
    const uint64_t batch = std::min(kShortBatch, run.count() - done);
    core::JoinSet<uint64_t> set;
    for (uint64_t i = 0; i < batch; ++i) (void)set.Spawn(One());
    while (std::optional<core::Outcome<uint64_t>> outcome = co_await set.Next()) {
      done += outcome->value();
    }
  }
  run.End();
  co_return done;
}

Task<uint64_t> Compute(uint64_t seed) {
  uint64_t x = seed;
  for (uint64_t i = 0; i < kSpins; ++i) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
  }
  co_return x;
}

// A task spawns `tasks` that compute, and waits for them; before, the other worker falls asleep.
Task<uint64_t> FanOut(Run& run, uint64_t tasks) {
  uint64_t sum = 0;
  std::vector<core::JoinHandle<uint64_t>> handles;
  handles.reserve(tasks);
  for (uint64_t done = 0; done < run.count(); done += tasks) {
    (void)co_await core::Sleep(3ms);
    run.Begin();
    for (uint64_t i = 1; i <= tasks; ++i) handles.push_back(core::Spawn(Compute(done + i)));
    sum += co_await SumOf(handles);
    run.End();
    handles.clear();
  }
  co_return sum;
}
template <uint64_t kTasks>
Task<uint64_t> FanOutOf(Run& run) {
  return FanOut(run, kTasks);
}

constexpr auto kRows = std::to_array<Row>({
    {"spawn_many_local", Kind::kTasks, 500'000, InTask<SpawnManyLocal>},
    {"spawn_many_remote_idle", Kind::kRemote, 200'000, SpawnManyRemote},
    {"spawn_many_remote_busy", Kind::kRemote, 100'000, SpawnManyRemoteBusy},
    {"yield_many", Kind::kTasks, 1'000'000, InTask<YieldMany>},
    {"ping_pong", Kind::kTasks, 200'000, InTask<PingPong>},
    {"chained_spawn", Kind::kTasks, 500'000, InTask<ChainedSpawn>},
    {"join_set_1000", Kind::kTasks, 300'000, InTask<JoinSetOf1000>},
    {"fan_out_2", Kind::kSpread, 20, InTask<FanOutOf<2>>},
    {"fan_out_3", Kind::kSpread, 21, InTask<FanOutOf<3>>},
    {"fan_out_8", Kind::kSpread, 32, InTask<FanOutOf<8>>},
    {"fan_out_64", Kind::kSpread, 64, InTask<FanOutOf<64>>},
});

}  // namespace

std::span<const Row> SpawnRows() { return kRows; }

}  // namespace sluice::bench
