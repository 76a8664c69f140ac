// Placement: which worker a new session begins on; Place: that it is counted there, while it lives.
//
// The kernel wakes the same worker for most arrivals at a listening socket, so that one of several
// would get nearly all of them. Whoever accepts a connection therefore hands it on when it has
// clearly more sessions than another worker: more than kSlack, and more than an eighth, since a
// hand-over costs a wake-up. It compares itself with one other at a time, each in its turn.
// Where a session goes later (a thief may take it over) is not followed.
//
// Threads: any. The counters order nothing; what they say may be a moment old.
// Checked by: tests/proxy/placement_test.cc.
#ifndef SLUICE_PROXY_PLACEMENT_H_
#define SLUICE_PROXY_PLACEMENT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/atomic.h"

namespace sluice::proxy {

class Placement;

// Move-only; the session is counted no more when it goes.
class Place {
 public:
  Place() = default;
  Place(Placement& placement, uint32_t worker) : placement_(&placement), worker_(worker) {}
  Place(Place&& other) noexcept
      : placement_(std::exchange(other.placement_, nullptr)), worker_(other.worker_) {}
  Place& operator=(Place&& other) noexcept {
    std::swap(placement_, other.placement_);
    std::swap(worker_, other.worker_);
    return *this;
  }
  ~Place();

  uint32_t worker() const { return worker_; }

 private:
  Placement* placement_ = nullptr;
  uint32_t worker_ = 0;
};

class Placement {
 public:
  explicit Placement(size_t workers) : workers_(workers) {}

  // For a connection that worker `here` has accepted.
  Place Take(uint32_t here) {
    const uint32_t worker = Choose(here);
    workers_[worker].sessions.fetch_add(1, std::memory_order_relaxed);
    return Place(*this, worker);
  }

  uint32_t sessions(uint32_t worker) const {
    return workers_[worker].sessions.load(std::memory_order_relaxed);
  }

 private:
  friend class Place;
  static constexpr uint32_t kSlack = 4;

  struct alignas(64) OfWorker {
    core::Atomic<uint32_t> sessions{0};
  };

  uint32_t Choose(uint32_t here) const {
    const auto count = static_cast<uint32_t>(workers_.size());
    if (count == 1) return here;
    const uint32_t mine = sessions(here);
    const uint32_t other = (here + 1 + mine % (count - 1)) % count;
    return mine > sessions(other) + std::max(kSlack, mine / 8) ? other : here;
  }

  std::vector<OfWorker> workers_;
};

inline Place::~Place() {
  if (placement_ == nullptr) return;
  placement_->workers_[worker_].sessions.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_PLACEMENT_H_
