// Stats: what the proxy counts. One block per worker, written by that worker alone without locked
// instructions, summed when somebody reads.
#ifndef SLUICE_PROXY_OBSERVE_STATS_H_
#define SLUICE_PROXY_OBSERVE_STATS_H_

#include <array>
#include <cstdint>
#include <numeric>
#include <vector>

#include "core/base/atomic.h"
#include "core/reactor/reactor.h"
#include "proxy/observe/end_reason.h"
#include "proxy/observe/refusal.h"

namespace sluice::proxy {

struct alignas(64) WorkerStats {
  core::Atomic<uint64_t> accepted{0};                           // connections taken from the kernel
  std::array<core::Atomic<uint64_t>, kRefusalCount> refused{};  // of these, closed by a limit
  core::Atomic<uint64_t> accept_pauses{0};                      // descriptors or memory had run out
  core::Atomic<uint64_t> connect_retries{0};  // endpoints given up for the next one
  core::Atomic<uint64_t> short_buffers{0};    // buffers received into blocks of the reserve
  core::Atomic<uint64_t> bytes_up{0};         // client to upstream, accepted by the kernel
  core::Atomic<uint64_t> bytes_down{0};       // upstream to client
  std::array<core::Atomic<uint64_t>, kEndCauseCount> ended{};
};

// The sums. accepted = rejected() + all of ended + the sessions that live.
struct StatsSum {
  uint64_t accepted = 0;
  std::array<uint64_t, kRefusalCount> refused{};
  uint64_t accept_pauses = 0;
  uint64_t connect_retries = 0;
  uint64_t short_buffers = 0;
  uint64_t bytes_up = 0;
  uint64_t bytes_down = 0;
  std::array<uint64_t, kEndCauseCount> ended{};

  uint64_t rejected() const { return std::accumulate(refused.begin(), refused.end(), uint64_t{0}); }
};

class Stats {
 public:
  explicit Stats(size_t workers) : workers_(workers) {}

  WorkerStats& of(uint32_t worker) { return workers_[worker]; }

  // Any thread.
  StatsSum Sum() const {
    StatsSum sum;
    const auto value = [](const core::Atomic<uint64_t>& counter) {
      return counter.load(std::memory_order_relaxed);
    };
    for (const WorkerStats& worker : workers_) {
      sum.accepted += value(worker.accepted);
      for (size_t i = 0; i < kRefusalCount; ++i) sum.refused[i] += value(worker.refused[i]);
      sum.accept_pauses += value(worker.accept_pauses);
      sum.connect_retries += value(worker.connect_retries);
      sum.short_buffers += value(worker.short_buffers);
      sum.bytes_up += value(worker.bytes_up);
      sum.bytes_down += value(worker.bytes_down);
      for (size_t i = 0; i < kEndCauseCount; ++i) sum.ended[i] += value(worker.ended[i]);
    }
    return sum;
  }

 private:
  std::vector<WorkerStats> workers_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_STATS_H_
