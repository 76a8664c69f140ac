// Row: one line of the comparison with Tokio: a small program that does one thing many times.
//
// Each row has a twin of the same name in core/bench/tokio, which does the same work: as many
// tasks, messages, locks, timers and connections, in the same order. What a run returns is a count
// or a sum of what it did, and tests/core/bench holds both to the same one. Only what is between
// Begin and End is measured.
#ifndef SLUICE_CORE_BENCH_ROW_H_
#define SLUICE_CORE_BENCH_ROW_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/sluice.h"

namespace sluice::bench {

// With how many workers a row is run, and what is measured of it. CPU time where one worker does
// all the work: that is the same on a busy machine. Elapsed time where several threads work side by
// side.
enum class Kind : uint8_t {
  kTasks,   // one worker: CPU time; two workers: elapsed time
  kRemote,  // the main thread spawns; one worker and two: elapsed time
  kOne,     // one worker: CPU time
  kSpread,  // two workers: elapsed time
  kOnce,    // as kOne, but without a warm-up, for it takes long
  kMemory,  // one worker: bytes
};

// What a row is told, and what it has measured.
class Run {
 public:
  explicit Run(uint64_t count) : count_(count) {}

  // How many things to do.
  uint64_t count() const { return count_; }

  // Around each part that is measured.
  void Begin();
  void End();

  core::Duration wall() const { return wall_; }
  core::Duration cpu() const { return cpu_; }

  // Bytes of memory that were resident more at the last End than at its Begin.
  int64_t resident() const { return resident_; }

 private:
  const uint64_t count_;
  core::Duration wall_{0};
  core::Duration cpu_{0};
  int64_t resident_ = 0;
  core::Duration wall_begin_{0};
  core::Duration cpu_begin_{0};
  int64_t resident_begin_ = 0;
};

struct Row {
  std::string_view name;
  Kind kind;
  uint64_t count;  // things that a run does, unless it is told another
  uint64_t (*run)(core::Runtime& runtime, Run& run);  // in the main thread; returns what it did
};

// Those of each file, in the order of the table.
std::span<const Row> SpawnRows();
std::span<const Row> ChannelRows();
std::span<const Row> LockRows();
std::span<const Row> TimeRows();
std::span<const Row> SocketRows();
std::span<const Row> StreamRows();

// So many tasks have something to do; one waits until the last of them has done it.
class Countdown {
 public:
  explicit Countdown(uint64_t count = 0) : left_(count) {}

  // Before those that count are told to begin.
  void Start(uint64_t count) { left_.store(count, std::memory_order_relaxed); }
  void Down() {
    if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) zero_.One();
  }
  // `(void)co_await countdown.Zero();` By one task, once for each Start.
  core::Notify::Awaiter Zero() { return zero_.Wait(); }

 private:
  core::Atomic<uint64_t> left_;
  core::Notify zero_;
};

// Runs Main(run) as a task, and brings what it returns.
template <core::Task<uint64_t> (*Main)(Run&)>
uint64_t InTask(core::Runtime& runtime, Run& run) {
  return runtime.BlockOn(Main(run));
}

// Of tasks that bring a number.
inline core::Task<uint64_t> SumOf(std::vector<core::JoinHandle<uint64_t>>& handles) {
  uint64_t sum = 0;
  for (core::JoinHandle<uint64_t>& handle : handles) {
    core::Outcome<uint64_t> outcome = co_await std::move(handle);
    sum += outcome.value();
  }
  co_return sum;
}

}  // namespace sluice::bench

#endif  // SLUICE_CORE_BENCH_ROW_H_
