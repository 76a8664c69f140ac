// Placement: which worker a new session begins on; WorkerShare: counts the session there while it
// lives.
//
// The kernel wakes the same worker for most arrivals at a listening socket, so that one of several
// would get nearly all of them. The worker that accepts a connection therefore hands it on when it
// has clearly more sessions than another worker. What is clear grows with their number, since a
// hand-over costs a wake-up: among few sessions, which may live for long and be busy, one more is
// much (two connections on one of two workers had 0.65 of the rate of one on each); among many a
// fourth is, at most kSlack, and from 32 on an eighth. It compares itself with one other at a time,
// each in its turn.
// Where a session goes later (another worker may steal it) is not followed.
//
// Threads: any. The counters order nothing; what they say may be a moment old.
// Checked by: tests/proxy/admission/placement_test.cc.
#ifndef SLUICE_PROXY_ADMISSION_PLACEMENT_H_
#define SLUICE_PROXY_ADMISSION_PLACEMENT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/atomic.h"

namespace sluice::proxy {

// How many sessions a worker has, and which other worker it compares itself with next.
struct alignas(64) SessionCount {
  core::Atomic<uint32_t> sessions{0};
  core::Atomic<uint32_t> turn{0};  // written by that worker alone
};

// Move-only; stops counting the session when it goes.
class WorkerShare {
 public:
  WorkerShare() = default;
  explicit WorkerShare(SessionCount& count) : count_(&count) {
    count.sessions.fetch_add(1, std::memory_order_relaxed);
  }
  WorkerShare(WorkerShare&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
  WorkerShare& operator=(WorkerShare&& other) noexcept {
    std::swap(count_, other.count_);
    return *this;
  }
  ~WorkerShare() {
    if (count_ != nullptr) count_->sessions.fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  SessionCount* count_ = nullptr;
};

class Placement {
 public:
  explicit Placement(size_t workers) : workers_(workers) {}

  // The worker for a connection that worker `here` has accepted.
  uint32_t Choose(uint32_t here) {
    const auto count = static_cast<uint32_t>(workers_.size());
    if (count == 1) return here;
    const uint32_t mine = sessions(here);
    const uint32_t turn = workers_[here].turn.load(std::memory_order_relaxed);
    workers_[here].turn.store(turn + 1, std::memory_order_relaxed);
    const uint32_t other = (here + 1 + turn % (count - 1)) % count;
    return mine > sessions(other) + Slack(mine) ? other : here;
  }

  WorkerShare Take(uint32_t worker) { return WorkerShare(workers_[worker]); }

  uint32_t sessions(uint32_t worker) const {
    return workers_[worker].sessions.load(std::memory_order_relaxed);
  }

 private:
  static constexpr uint32_t kSlack = 4;
  static uint32_t Slack(uint32_t mine) { return std::min(mine / 4, std::max(kSlack, mine / 8)); }

  std::vector<SessionCount> workers_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMISSION_PLACEMENT_H_
